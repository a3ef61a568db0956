import AdapterKit
import GatewayModel
import Hummingbird
import NIOCore
import Signing

extension JSONValue {
    /// An object of those members that have a value.
    static func record(_ members: [String: JSONValue?]) -> JSONValue { .object(members.compactMapValues { $0 }) }

    init(_ time: Timestamp) { self = .string(time.description) }
    init<Tag>(_ id: ID<Tag>) { self = .string(id.description) }
    init(_ count: Int) { self = .int(Int64(count)) }
}

extension Response {
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: value.bytes)))
    }

    /// `{<plural>: […], nextCursor}`.
    static func page(_ plural: String, _ elements: [JSONValue], next: PageCursor?) -> Response {
        .json([plural: .array(elements), "nextCursor": next.map { .string($0.text) } ?? .null])
    }
}

extension PageCursor {
    /// An opaque word for callers.
    var text: String {
        let bits = UInt64(bitPattern: time.microseconds)
        return Hex.encode((0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) } + id.bytes)
    }

    /// `nil` for what was never given out.
    init?(_ text: String) {
        guard let bytes = Hex.decode(text), bytes.count == 24, let id = UUIDBits(bytes: bytes[8...]) else { return nil }
        self.init(time: Timestamp(microseconds: Int64(bitPattern: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) })), id: id)
    }
}
