#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The file of a store.
enum SQLiteFile {
    /// Makes the file where there is none, for its owner alone: SQLite gives its log the same mode, and both hold what people were told.
    ///
    /// What goes wrong is told by SQLite, which opens the file next.
    static func make(at path: String) {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
    }
}
