/// Why a keyring could not be read.
public struct KeyringError: Error, Hashable, Sendable, CustomStringConvertible {
    public struct Line: Hashable, Sendable {
        /// Counted from 1; 0 for the keyring as a whole.
        public var number: Int
        /// Never shows any part of a key.
        public var message: String
    }

    /// Every line that is wrong.
    public var lines: [Line]

    public var description: String {
        lines.map { $0.number == 0 ? $0.message : "line \($0.number): \($0.message)" }.joined(separator: "; ")
    }
}

/// Why sealed bytes could not be opened.
public enum OpenError: Error, Hashable, Sendable {
    /// Too short, or of a version that is not known.
    case malformed
    /// Sealed with a key that the keyring does not hold.
    case unknownKey(id: String)
    /// Changed since they were sealed, or sealed with other associated data.
    case notAuthentic
}
