import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * As much of JSON (RFC 8259) as a client of the feed needs without a library: takes an object or an array apart into the
 * texts of its parts, which stay as they came. A program with a JSON library uses that.
 */
final class Json {
    private final String text;
    private int position;

    private Json(String text) {
        this.text = text;
    }

    /**
     * The members of an object: name to the value's text.
     *
     * @throws IllegalArgumentException if it is no object.
     */
    static Map<String, String> members(String text) {
        Json reader = new Json(text);
        Map<String, String> members = new LinkedHashMap<>();
        reader.expect('{');
        while (!reader.ends('}')) {
            String name = text(reader.value());
            reader.expect(':');
            members.put(name, reader.value());
            reader.passComma('}');
        }
        return members;
    }

    /**
     * The texts of an array's elements.
     *
     * @throws IllegalArgumentException if it is no array.
     */
    static List<String> elements(String text) {
        Json reader = new Json(text == null ? "" : text);
        List<String> elements = new ArrayList<>();
        reader.expect('[');
        while (!reader.ends(']')) {
            elements.add(reader.value());
            reader.passComma(']');
        }
        return elements;
    }

    /**
     * What a string says.
     *
     * @throws IllegalArgumentException if it is no string.
     */
    static String text(String value) {
        if (value == null || value.length() < 2 || value.charAt(0) != '"') {
            throw new IllegalArgumentException("no string: " + value);
        }
        StringBuilder result = new StringBuilder(value.length());
        for (int i = 1; i < value.length() - 1; i++) {
            char next = value.charAt(i);
            if (next != '\\') {
                result.append(next);
                continue;
            }
            char escape = value.charAt(++i);
            if (escape == 'u') {
                result.append((char) Integer.parseInt(value.substring(i + 1, i + 5), 16));
                i += 4;
            } else {
                int known = "bfnrt".indexOf(escape);
                result.append(known < 0 ? escape : "\b\f\n\r\t".charAt(known));
            }
        }
        return result.toString();
    }

    private boolean ends(char close) {
        skipSpace();
        return position >= text.length() || text.charAt(position) == close;
    }

    private void expect(char wanted) {
        skipSpace();
        if (position >= text.length() || text.charAt(position) != wanted) {
            throw new IllegalArgumentException("not JSON at " + position);
        }
        position++;
    }

    private void passComma(char close) {
        if (!ends(close)) {
            expect(',');
        }
    }

    /** The text of the value that begins here; strings hide what looks like an end. */
    private String value() {
        skipSpace();
        int start = position;
        int depth = 0;
        while (position < text.length()) {
            char next = text.charAt(position);
            if (next == '"') {
                skipString();
                continue;
            }
            if (depth == 0 && (next == ',' || next == ':' || next == '}' || next == ']')) {
                break;
            }
            depth += next == '{' || next == '[' ? 1 : next == '}' || next == ']' ? -1 : 0;
            position++;
        }
        if (position == start) {
            throw new IllegalArgumentException("not JSON at " + start);
        }
        return text.substring(start, position).strip();
    }

    private void skipString() {
        position++;
        while (position < text.length() && text.charAt(position) != '"') {
            position += text.charAt(position) == '\\' ? 2 : 1;
        }
        position++;
    }

    private void skipSpace() {
        while (position < text.length() && text.charAt(position) <= ' ') {
            position++;
        }
    }
}
