import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Follows the feed of threats for ever, by the loop of docs/protocol.md ("Resuming"). Java 17, nothing else:
 *
 * <pre>
 * javac -d classes *.java
 * java -cp classes Feed ws://127.0.0.1:8000/ws      # --help tells the rest
 * </pre>
 *
 * Standard output has one line of JSON for each threat, in the log's order, without gap or duplicate. What happens to the
 * connection is said on standard error. Ends only by a signal, or because coming back would not help (1).
 */
public final class Feed {
    private static final Duration OPEN_WITHIN = Duration.ofSeconds(10);
    private static final Duration GOOD_AFTER = Duration.ofSeconds(5);
    private static final String RESUME_AFTER = "resume after ";

    /** The service said that this client is not to come back. */
    private static final class GivingUp extends Exception {
        GivingUp(String why) {
            super(why);
        }
    }

    /** The connection ended, or was never there; the client is to come back. */
    private static final class Lost extends Exception {
        final int code;
        final String reason;
        final double atLeastSeconds;

        Lost(String why, int code, String reason, double atLeastSeconds) {
            super(why);
            this.code = code;
            this.reason = reason;
            this.atLeastSeconds = atLeastSeconds;
        }

        Lost(String why) {
            this(why, 0, "", 0);
        }
    }

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(OPEN_WITHIN).build();
    private final Options options;
    private Cursor cursor;
    private int failures;
    private boolean isBlind;

    private Feed(Options options) {
        this.options = options;
        this.cursor = options.after();
    }

    public static void main(String[] arguments) throws InterruptedException {
        // Whatever the locale says: JSON is UTF-8.
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8));
        try {
            new Feed(Options.parse(arguments)).run();
        } catch (Options.Misuse misuse) {
            System.err.println(misuse.getMessage());
            System.exit(2);
        } catch (GivingUp end) {
            System.err.println("giving up: " + end.getMessage());
            System.exit(1);
        }
    }

    private void run() throws GivingUp, InterruptedException {
        while (true) {
            try {
                follow();
            } catch (Lost loss) {
                double wait = pause(loss);
                System.err.printf(Locale.ROOT, "reconnecting: %s; in %.1f s%n", loss.getMessage(), wait);
                Thread.sleep((long) (wait * 1000));
            }
        }
    }

    /** Opens where the client stands: an address that is opened again as it was would join fresh. */
    private URI address() {
        String place = cursor != null ? "after=" + cursor : "history=" + options.history();
        String filter = options.minSeverity() == null ? ""
                : "&min_severity=" + URLEncoder.encode(options.minSeverity(), StandardCharsets.UTF_8);
        return URI.create(options.url() + "?" + place + filter);
    }

    /** One connection, from its opening to its end. */
    private void follow() throws Lost, GivingUp, InterruptedException {
        Listener listener = new Listener();
        WebSocket socket = open(listener);
        try {
            long opened = System.nanoTime();
            // The first frame is the largest, and takes long on a thin line.
            Duration within = options.silence().compareTo(OPEN_WITHIN) > 0 ? options.silence() : OPEN_WITHIN;
            while (true) {
                socket.request(1);
                // The library waits for ever for a line that died in silence.
                Event event = listener.events.poll(within.toMillis(), TimeUnit.MILLISECONDS);
                if (event == null) {
                    throw new Lost("nothing was heard for too long");
                }
                take(event);
                within = options.silence();
                if (System.nanoTime() - opened >= GOOD_AFTER.toNanos()) {
                    failures = 0;
                }
            }
        } finally {
            socket.abort();
        }
    }

    private WebSocket open(Listener listener) throws Lost, GivingUp, InterruptedException {
        try {
            return http.newWebSocketBuilder().connectTimeout(OPEN_WITHIN).buildAsync(address(), listener)
                    .get(OPEN_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException late) {
            throw new Lost("no answer in time");
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof WebSocketHandshakeException refusal && refusal.getResponse() != null) {
                throw refused(refusal.getResponse());
            }
            throw new Lost(String.valueOf(failure.getCause()));
        }
    }

    /** A proxy answers for a replica that is away with statuses of its own; only these are the service's word. */
    private Lost refused(HttpResponse<?> response) throws GivingUp {
        int status = response.statusCode();
        boolean isProblem =
                response.headers().firstValue("Content-Type").orElse("").startsWith("application/problem+json");
        if (List.of(400, 401, 403, 422).contains(status) || status == 404 && isProblem) {
            throw new GivingUp("refused with status " + status + ": " + response.body());
        }
        String asked = response.headers().firstValue("Retry-After").orElse("");
        return new Lost(
                "refused with status " + status, 0, "", asked.matches("\\d{1,6}") ? Double.parseDouble(asked) : 0);
    }

    /** What the library's thread hands over: a message, or how the connection ended. */
    private record Event(String message, int code, String reason, Throwable error) {}

    private static final class Listener implements WebSocket.Listener {
        /** At most one: the next message is asked for when this one has been dealt with. */
        final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
        private final StringBuilder part = new StringBuilder();

        @Override
        public void onOpen(WebSocket socket) {}

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean isLast) {
            part.append(text);
            if (isLast) {
                events.add(new Event(part.toString(), 0, "", null));
                part.setLength(0);
            } else {
                socket.request(1);
            }
            return null;
        }

        @Override
        public CompletionStage<?> onPing(WebSocket socket, java.nio.ByteBuffer message) {
            // It is answered by the library, and took the place of the message that was asked for.
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            events.add(new Event(null, code, reason, null));
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            events.add(new Event(null, 0, "", error));
        }
    }

    private void take(Event event) throws Lost, GivingUp {
        if (event.error() != null) {
            throw new Lost("the connection broke: " + event.error());
        }
        if (event.message() == null) {
            String why = ("closed with " + event.code() + " " + event.reason()).strip();
            // Whatever the code: only 4500 to 4999 say that coming back would not help.
            if (event.code() >= 4500 && event.code() <= 4999) {
                throw new GivingUp(why);
            }
            throw new Lost(why, event.code(), event.reason(), 0);
        }
        try {
            take(Json.members(event.message()));
        } catch (IllegalArgumentException problem) {
            throw new Lost("a frame that is none: " + problem.getMessage());
        }
    }

    private void take(Map<String, String> frame) throws GivingUp {
        switch (Json.text(frame.get("type"))) {
            case "initial_batch" -> {
                if ("false".equals(frame.get("recovered"))) {
                    System.err.println("threats may be missing: " + Json.text(frame.get("reason")));
                }
                List<String> threats = Json.elements(frame.get("data"));
                for (int i = threats.size() - 1; i >= 0; i--) {
                    show(threats.get(i));
                }
                joined(frame);
            }
            case "resumed" -> joined(frame);
            case "new_threat", "threat_updated" -> {
                Cursor place = Cursor.parse(Json.text(frame.get("cursor")));
                if (isAhead(place)) {
                    if (frame.get("type").equals("\"new_threat\"")) {
                        show(frame.get("data"));
                    }
                    // After it is shown: at least once, whatever happens in between.
                    cursor = place;
                }
            }
            case "heartbeat" -> {
                Cursor place = Cursor.parse(Json.text(frame.get("cursor")));
                cursor = isAhead(place) ? place : cursor;
                tellOutage(frame);
            }
            case "reset" -> {
                System.err.println(
                        "the log moved to a new generation, threats may repeat: " + Json.text(frame.get("reason")));
                cursor = Cursor.parse(Json.text(frame.get("to")));
            }
            case "error" -> System.err.println(
                    "error: " + Json.text(frame.get("code")) + ": " + Json.text(frame.get("detail")));
            default -> {
                // Types that a client does not know are ignored.
            }
        }
    }

    /** What cannot be printed would be lost without a word: {@code PrintStream} throws nothing. */
    private static void show(String threat) throws GivingUp {
        System.out.println(threat);
        if (System.out.checkError()) {
            throw new GivingUp("what was received cannot be printed");
        }
    }

    private boolean isAhead(Cursor place) {
        return cursor == null || place.compareTo(cursor) > 0;
    }

    private void joined(Map<String, String> frame) {
        cursor = Cursor.parse(Json.text(frame.get("cursor")));
        isBlind = false;
        System.err.println("following the feed after " + cursor);
    }

    /** A heartbeat proves the line, not the log. */
    private void tellOutage(Map<String, String> heartbeat) {
        boolean isOut = "unreachable".equals(Json.text(heartbeat.getOrDefault("log", "\"\"")));
        if (isOut && !isBlind) {
            System.err.println("the log cannot be followed since " + Json.text(heartbeat.getOrDefault("since", "\"?\""))
                    + ": threats may be missing");
        } else if (isBlind && !isOut) {
            System.err.println("the log is followed again");
        }
        isBlind = isOut;
    }

    /** Seconds to wait. Chance matters: thousands that come back in one moment are an outage of their own. */
    private double pause(Lost loss) {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        if (loss.code == 4001 && loss.reason.startsWith(RESUME_AFTER)) {
            try {
                Cursor place = Cursor.parse(loss.reason.substring(RESUME_AFTER.length()));
                cursor = isAhead(place) ? place : cursor;
            } catch (IllegalArgumentException noCursor) {
                // The place from before is as good.
            }
        }
        if (loss.code == 1008) {
            failures = Math.max(failures, 5);
        }
        double step = Math.min(options.longestWaitSeconds(), 0.5 * Math.pow(2, Math.min(failures, 10)));
        double wait = step / 2 + random.nextDouble() * step / 2;
        if ((loss.code == 1012 || loss.code == 4001) && failures == 0) {
            wait = random.nextDouble() * 0.4;
        }
        if (loss.atLeastSeconds > 0) {
            double asked = loss.atLeastSeconds + random.nextDouble() / 2;
            wait = Math.max(wait, Math.min(asked, options.longestWaitSeconds()));
        }
        failures += 1;
        return wait;
    }
}
