import java.time.Duration;

/** The command line. */
record Options(
        String url, Cursor after, int history, String minSeverity, Duration silence, double longestWaitSeconds) {
    private static final String USAGE = """
            usage: Feed [options] URL                     such as ws://127.0.0.1:8000/ws
              --after CURSOR          go on after this cursor
              --history N             recent threats to begin with (0)
              --min-severity SEVERITY this one and worse
              --silence S             seconds without a frame to bear (35)
              --longest-wait S        seconds between attempts (30)""";

    static final class Misuse extends Exception {
        Misuse(String message) {
            super(message);
        }
    }

    static Options parse(String[] arguments) throws Misuse {
        String url = null;
        String minSeverity = null;
        Cursor after = null;
        int history = 0;
        double silence = 35;
        double longestWait = 30;
        try {
            for (int i = 0; i < arguments.length; i++) {
                switch (arguments[i]) {
                    case "--after" -> after = Cursor.parse(arguments[++i]);
                    case "--history" -> history = Integer.parseInt(arguments[++i]);
                    case "--min-severity" -> minSeverity = arguments[++i];
                    case "--silence" -> silence = Double.parseDouble(arguments[++i]);
                    case "--longest-wait" -> longestWait = Double.parseDouble(arguments[++i]);
                    default -> {
                        if (url != null || arguments[i].startsWith("-")) {
                            throw new Misuse(USAGE);
                        }
                        url = arguments[i];
                    }
                }
            }
        } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException problem) {
            throw new Misuse(problem.getMessage() + "\n" + USAGE);
        }
        if (url == null) {
            throw new Misuse(USAGE);
        }
        return new Options(url, after, history, minSeverity, Duration.ofMillis((long) (silence * 1000)), longestWait);
    }
}
