/// Why Redis cannot be used just now; safe to log.
enum RedisFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no connection.
    case away
    case unreachable
    /// No answer in time.
    case timeout
    /// The connection ended.
    case lost
    /// It was said something else than Redis says.
    case garbled
    /// It does not do what it is asked, for the reason that the word names.
    case refused(String)
    /// More is asked than it answers.
    case flooded

    var description: String {
        switch self {
        case .away: "there is no connection"
        case .unreachable: "it cannot be reached"
        case .timeout: "it did not answer in time"
        case .lost: "the connection ended"
        case .garbled: "what answers is not Redis"
        case .refused(let word): "it refuses (\(word))"
        case .flooded: "it answers slower than it is asked"
        }
    }

    /// What a refusal says beyond its first word may name keys.
    static func refused(saying text: String) -> RedisFailure { .refused(String(text.prefix { $0 != " " }.prefix(32))) }
}
