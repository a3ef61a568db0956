public import AdapterKit

/// What an HTTP simulator does once it has read a request whole.
public indirect enum HTTPReaction: Hashable, Sendable {
    case answer(HTTPAnswer)
    /// Sends the head and half of the body, then ends the connection. An answer without a body breaks off within its head.
    case partial(HTTPAnswer)
    case fault(WireFault)
    /// Sends these bytes as they are; then ends the connection, or leaves it open and answers nothing more on it.
    case raw([UInt8], thenClose: Bool)
    case after(Duration, HTTPReaction)
    /// Waits until the simulator's `release()` lets it go.
    case held(HTTPReaction)

    /// The status that goes out, or `nil` when none does.
    public var status: Int? {
        switch self {
        case .answer(let answer): answer.status
        case .partial(let answer): answer.body.isEmpty ? nil : answer.status
        case .fault, .raw: nil
        case .after(_, let reaction), .held(let reaction): reaction.status
        }
    }
}

/// A whole HTTP reply.
public struct HTTPAnswer: Hashable, Sendable {
    public var status: Int
    /// Without `Content-Length`, which is added.
    public var headers: [HTTPHeader]
    public var body: [UInt8]

    public init(_ status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public init(_ status: Int, headers: [HTTPHeader] = [], json: JSONValue) {
        self.init(status, headers: headers + [HTTPHeader("Content-Type", "application/json")], body: json.bytes)
    }
}
