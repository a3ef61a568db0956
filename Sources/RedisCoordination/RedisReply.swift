import CHiredis

/// What Redis answers.
enum RedisReply: Hashable, Sendable {
    case text(String)
    case integer(Int64)
    case list([RedisReply])
    case null
    /// It refused: the first word says why (`NOSCRIPT`, `WRONGTYPE`, `LOADING`).
    case refusal(String)

    /// Copies an answer of hiredis.
    init(_ reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: self = .text(Self.text(reply))
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_ERROR: self = .refusal(Self.text(reply))
        case REDIS_REPLY_ARRAY:
            self = .list((0..<reply.elements).map { index in reply.element[index].map { RedisReply($0.pointee) } ?? .null })
        default: self = .null
        }
    }

    private static func text(_ reply: redisReply) -> String {
        guard let start = reply.str else { return "" }
        return start.withMemoryRebound(to: UInt8.self, capacity: reply.len) {
            String(decoding: UnsafeBufferPointer(start: $0, count: reply.len), as: UTF8.self)
        }
    }

    var integers: [Int64]? {
        guard case .list(let elements) = self else { return nil }
        let numbers = elements.compactMap { if case .integer(let number) = $0 { number } else { nil } }
        return numbers.count == elements.count ? numbers : nil
    }

    /// Channel and payload, where this is a message to those who subscribed.
    var message: (channel: String, payload: String)? {
        guard case .list(let elements) = self, elements.count == 3, elements[0] == .text("message"), case .text(let channel) = elements[1],
            case .text(let payload) = elements[2]
        else { return nil }
        return (channel, payload)
    }
}
