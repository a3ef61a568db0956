/// Why a store could not do what it was asked. Its description is safe to log: no statement, no value, no driver text.
public enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It cannot be reached, or is shutting down. Nothing was written.
    case unavailable
    /// It was lost in the middle of a write: whether the write stands is not known until it is asked.
    case outcomeUnknown
    /// The disk is full, or the store is read-only: reads go on.
    case full
    /// A stored value cannot be read back; `what` names the kind of row.
    case corrupt(what: String)
    /// The schema is not one that this daemon can use; the sentence says what to do.
    case schema(String)
    /// The driver failed in a way that has no other name; the code is its own.
    case driver(code: Int)

    public var description: String {
        switch self {
        case .unavailable: "the store is unavailable"
        case .outcomeUnknown: "the store was lost during a write"
        case .full: "the store cannot write: its disk is full or read-only"
        case .corrupt(let what): "a stored \(what) cannot be read"
        case .schema(let sentence): sentence
        case .driver(let code): "the store failed with code \(code)"
        }
    }
}
