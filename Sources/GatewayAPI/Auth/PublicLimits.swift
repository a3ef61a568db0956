import AdapterKit
import HTTPTypes
import Synchronization

/// Holds the calls without a key to their limits, on this node.
final class PublicLimits: Sendable {
    private let unknown: Mutex<RateLimiter>
    private let known: Mutex<RateLimiter>

    init(_ limits: APIConfiguration.Limits) {
        unknown = Mutex(RateLimiter(perMinute: limits.unknownTokensPerMinute))
        known = Mutex(RateLimiter(perMinute: limits.callsPerTokenPerMinute))
    }

    /// Counts a token that no quote has against the address it came from.
    func countUnknown(from address: IPAddress?, at now: Timestamp) throws(APIError) {
        try Self.hold(unknown.withLock { $0.admit(address?.bytes ?? [], at: now) })
    }

    /// Counts a call with a token, named by its digest.
    func countKnown(_ tokenHash: [UInt8], at now: Timestamp) throws(APIError) {
        try Self.hold(known.withLock { $0.admit(tokenHash, at: now) })
    }

    private static func hold(_ wait: Duration?) throws(APIError) {
        guard let wait else { return }
        let seconds = max(1, Int(wait.inSeconds.rounded(.up)))
        throw APIError(.rateLimited, "Too many calls; wait \(seconds) s.", headers: [.retryAfter: String(seconds)])
    }
}
