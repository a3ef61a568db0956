/// Carries HTTP requests; lent to adapters.
public protocol HTTPTransport: Sendable {
    /// Makes one request, once. Redirects are never followed. Throws only when the task is cancelled.
    func send(_ request: HTTPRequest) async throws(CancellationError) -> HTTPResult
}

public struct HTTPRequest: Hashable, Sendable {
    public var method: String
    public var url: String
    /// Names and values without CR, LF or NUL; the transport refuses others.
    public var headers: [HTTPHeader]
    public var body: [UInt8]
    /// Until the connection stands, with TLS where it is used.
    public var connectTimeout: Duration
    /// For the whole transfer, waiting for a free connection included.
    public var timeout: Duration
    /// How much of the reply's body is kept; what exceeds it is dropped and the reply still judged by its status.
    public var maximumReplyBytes: Int
    /// Whether the far end collapses two equal requests, so that one in doubt may be made again.
    ///
    /// Only then is a kept connection used for it: one may have died unseen, and the request on it is in doubt. Each request is sent once.
    public var isIdempotent: Bool
    public var network: NetworkPolicy

    public init(
        method: String = "POST", url: String, headers: [HTTPHeader] = [], body: [UInt8] = [], connectTimeout: Duration = .seconds(10),
        timeout: Duration = .seconds(30), maximumReplyBytes: Int = 65_536, isIdempotent: Bool, network: NetworkPolicy
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.connectTimeout = connectTimeout
        self.timeout = timeout
        self.maximumReplyBytes = maximumReplyBytes
        self.isIdempotent = isIdempotent
        self.network = network
    }
}

public struct HTTPHeader: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

public enum HTTPResult: Hashable, Sendable {
    case reply(HTTPReply)
    case failure(HTTPFailure)
}

public struct HTTPReply: Hashable, Sendable {
    public var status: Int
    public var headers: [HTTPHeader]
    public var body: [UInt8]
    /// The body was longer than the request allowed, or broke off; its status still stands.
    public var isTruncated: Bool
    /// `Retry-After` as a length of time, whether it was given in seconds or as a date (RFC 9110, section 10.2.3).
    public var retryAfter: Duration?

    public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = [], isTruncated: Bool = false, retryAfter: Duration? = nil) {
        self.status = status
        self.headers = headers
        self.body = body
        self.isTruncated = isTruncated
        self.retryAfter = retryAfter
    }

    /// The first value of a header, whatever its case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// A request without a status line in reply.
public struct HTTPFailure: Hashable, Sendable {
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        /// The name has no address.
        case nameResolution
        /// Refused, unreachable, or not in time.
        case connect
        case tls
        /// The address connected to is one that the network policy forbids.
        case forbiddenAddress
        /// The request itself could not be sent: bad URL, header with a line break.
        case invalidRequest
        /// The connection ended or was reset.
        case closed
        case timeout
        /// What came back is not HTTP.
        case malformedReply
    }

    public var reason: Reason
    /// At least one byte of the request had been handed to a connection, so that the far end may have acted on it.
    public var mayHaveArrived: Bool
    /// A summary without addresses, URLs or content.
    public var message: String

    public init(_ reason: Reason, mayHaveArrived: Bool, _ message: String) {
        self.reason = reason
        self.mayHaveArrived = mayHaveArrived
        self.message = message
    }
}
