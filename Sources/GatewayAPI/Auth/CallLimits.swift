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

    /// Finds what a quote's token names, if its limits let it be looked for.
    ///
    /// A token that is not known to exist is counted against its address before anything is looked up, so that guessing costs us nothing once
    /// the limit is reached; the count is taken back when it turns out to be a quote's. From then on the token has its own limit, and works
    /// whatever else comes from its address. An IPv6 network counts as one address, since one host can have all of it.
    func find<Found: Sendable>(
        _ tokenHash: [UInt8], from address: IPAddress?, at now: Timestamp, _ look: () async throws -> Found?
    ) async throws -> Found? {
        let network = address.map { Array($0.bytes.prefix($0.isIPv4 ? 4 : 8)) } ?? []
        if known.withLock({ $0.remembers(tokenHash) }) {
            try Self.hold(known.withLock { $0.admit(tokenHash, at: now) })
            return try await look()
        }
        try Self.hold(unknown.withLock { $0.admit(network, at: now) })
        var isUnknown = false
        defer { if !isUnknown { unknown.withLock { $0.giveBack(network) } } }
        guard let found = try await look() else {
            isUnknown = true
            return nil
        }
        try Self.hold(known.withLock { $0.admit(tokenHash, at: now) })
        return found
    }

    private static func hold(_ wait: Duration?) throws(APIError) {
        guard let wait else { return }
        let seconds = max(1, Int(wait.inSeconds.rounded(.up)))
        throw APIError(.rateLimited, "Too many calls; wait \(seconds) s.", headers: [.retryAfter: String(seconds)])
    }
}
