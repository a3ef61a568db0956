/// A provider's HTTP call to us, as it came.
public struct InboundCallback: Sendable {
    public var method: String
    public var query: [String: String]
    /// Names in lower case.
    public var headers: [String: String]
    /// The raw body; signatures are made over these very bytes.
    public var body: [UInt8]
    public var receivedAt: Timestamp

    public init(method: String, query: [String: String] = [:], headers: [String: String] = [:], body: [UInt8] = [], receivedAt: Timestamp) {
        self.method = method
        self.query = query
        self.headers = headers
        self.body = body
        self.receivedAt = receivedAt
    }
}

/// What a callback told us, and what to answer.
public struct CallbackResult: Hashable, Sendable {
    public var status: Int
    public var body: String
    public var reports: [DeliveryReport]
    public var inbound: [InboundMessage]

    public init(status: Int = 200, body: String = "", reports: [DeliveryReport] = [], inbound: [InboundMessage] = []) {
        self.status = status
        self.body = body
        self.reports = reports
        self.inbound = inbound
    }
}

/// Something a recipient sent us: a reply, or a wish to be left alone.
public struct InboundMessage: Hashable, Sendable {
    public enum Meaning: Hashable, Sendable {
        case reply
        case optOut(MessageCategory?)
        case optIn(MessageCategory?)
    }

    public var from: Endpoint
    public var meaning: Meaning
    public var at: Timestamp
    /// The provider's id of the message that was answered, where it says so.
    public var inReplyTo: String?

    public init(from: Endpoint, meaning: Meaning, at: Timestamp, inReplyTo: String? = nil) {
        self.from = from
        self.meaning = meaning
        self.at = at
        self.inReplyTo = inReplyTo
    }
}
