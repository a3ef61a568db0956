/// One setting of a channel, described once: parsing, masking, documents and the console's form all read this.
public struct FieldSpec: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case string
        case integer(ClosedRange<Int64>)
        case boolean
        case duration
        /// An absolute URL with one of these schemes.
        case url(schemes: [String])
        case choice([String])
        case strings
        /// A list of objects with fields of their own.
        case objects([FieldSpec])
    }

    public var key: String
    public var kind: Kind
    public var isRequired: Bool
    /// Accepted and never returned; held as `Secret`.
    public var isSecret: Bool
    public var defaultValue: JSONValue?
    /// One sentence for the person who fills it in.
    public var doc: String

    public init(
        _ key: String, _ kind: Kind, required: Bool = false, secret: Bool = false, default defaultValue: JSONValue? = nil, doc: String
    ) {
        self.key = key
        self.kind = kind
        self.isRequired = required
        self.isSecret = secret
        self.defaultValue = defaultValue
        self.doc = doc
    }
}
