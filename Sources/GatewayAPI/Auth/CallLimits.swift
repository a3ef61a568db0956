import AdapterKit
import GatewayModel
import HTTPTypes
import Synchronization

/// Holds calls to their limits, on this node.
final class CallLimits: Sendable {
    private let unknown: Mutex<RateLimiter>
    private let known: Mutex<RateLimiter>
    private let callers: Mutex<RateLimiter>
    /// Callers with a key or a signed token may else call as often as they like.
    private let limitsCallers: Bool

    init(_ limits: APIConfiguration.Limits) {
        unknown = Mutex(RateLimiter(perMinute: limits.unknownTokensPerMinute))
        known = Mutex(RateLimiter(perMinute: limits.callsPerTokenPerMinute))
        callers = Mutex(RateLimiter(perSecond: limits.requestsPerSecond))
        limitsCallers = limits.requestsPerSecond > 0
    }

    /// Counts a call of somebody who said who they are.
    func count(_ caller: Caller, at now: Timestamp) throws(APIError) {
        guard limitsCallers else { return }
        try Self.hold(callers.withLock { $0.admit(caller.apiKeyID.bits.bytes, at: now) })
    }

    /// Counts a token that no quote has against the address it came from: an IPv6 network counts as one, since one host can have all of it.
    func countUnknown(from address: IPAddress?, at now: Timestamp) throws(APIError) {
        let network = address.map { Array($0.bytes.prefix($0.isIPv4 ? 4 : 8)) } ?? []
        try Self.hold(unknown.withLock { $0.admit(network, at: now) })
    }

    /// Counts a call with a quote's token, named by its digest.
    func countKnown(_ tokenHash: [UInt8], at now: Timestamp) throws(APIError) {
        try Self.hold(known.withLock { $0.admit(tokenHash, at: now) })
    }

    private static func hold(_ wait: Duration?) throws(APIError) {
        guard let wait else { return }
        let seconds = max(1, Int(wait.inSeconds.rounded(.up)))
        throw APIError(.rateLimited, "Too many calls; wait \(seconds) s.", headers: [.retryAfter: String(seconds)])
    }
}
