/** A place in the log: a pair of unsigned integers that compares as one, never as text. */
record Cursor(long generation, long sequence) implements Comparable<Cursor> {
    /** @throws IllegalArgumentException if it is none. */
    static Cursor parse(String text) {
        String[] parts = text.split("-", -1);
        if (parts.length != 2) {
            throw new IllegalArgumentException("no cursor: " + text);
        }
        return new Cursor(Long.parseUnsignedLong(parts[0]), Long.parseUnsignedLong(parts[1]));
    }

    @Override
    public int compareTo(Cursor other) {
        int byGeneration = Long.compareUnsigned(generation, other.generation);
        return byGeneration != 0 ? byGeneration : Long.compareUnsigned(sequence, other.sequence);
    }

    @Override
    public String toString() {
        return Long.toUnsignedString(generation) + "-" + Long.toUnsignedString(sequence);
    }
}
