/// The product's version (semantic versioning).
public enum TocsinVersion {
    public static let current = "0.1.0"
}
