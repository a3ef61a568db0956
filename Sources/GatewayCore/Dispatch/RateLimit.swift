public import AdapterKit

/// A token bucket that holds a second's worth at the most. Pure: time is handed in.
public struct RateLimit: Hashable, Sendable {
    private let perSecond: Double
    private var tokens: Double
    private var filledAt: Timestamp

    public init(perSecond: Double, at now: Timestamp) {
        self.perSecond = perSecond
        self.tokens = max(1, perSecond)
        self.filledAt = now
    }

    /// Takes a token, or says when there will be one.
    public mutating func take(at now: Timestamp) -> Timestamp? {
        let (tokens, opensAt) = state(at: now)
        self.tokens = tokens
        filledAt = max(filledAt, now)
        guard opensAt == nil else { return opensAt }
        self.tokens -= 1
        return nil
    }

    /// When there will be a token; `nil` when there is one now.
    public func opensAt(_ now: Timestamp) -> Timestamp? { state(at: now).opensAt }

    private func state(at now: Timestamp) -> (tokens: Double, opensAt: Timestamp?) {
        let filled = now > filledAt ? min(max(1, perSecond), tokens + (now - filledAt).inSeconds * perSecond) : tokens
        if filled >= 1 { return (filled, nil) }
        return (filled, max(filledAt, now) + .microseconds(Int64(((1 - filled) / perSecond * 1_000_000).rounded(.up))))
    }
}
