public import AdapterKit

/// A token bucket. Pure: time is handed in.
public struct RateLimit: Hashable, Sendable {
    private var perSecond: Double
    private var capacity: Double
    private var tokens: Double
    private var filledAt: Timestamp

    /// - Parameter burst: How many tokens it holds, all of them at the start; `nil` for a second's worth.
    public init(perSecond: Double, burst: Double? = nil, at now: Timestamp) {
        self.perSecond = perSecond
        self.capacity = max(1, burst ?? perSecond)
        self.tokens = capacity
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

    /// Nothing is left to fill: it is as good as a new one.
    func isFull(at now: Timestamp) -> Bool { state(at: now).tokens >= capacity }

    /// A token was taken elsewhere: one less is here, if there is one.
    mutating func spend(at now: Timestamp) {
        tokens = max(0, state(at: now).tokens - 1)
        filledAt = max(filledAt, now)
    }

    /// From now on it fills at another pace, and holds no more than a second's worth.
    mutating func change(perSecond: Double, at now: Timestamp) {
        tokens = min(state(at: now).tokens, max(1, perSecond))
        filledAt = max(filledAt, now)
        self.perSecond = perSecond
        capacity = max(1, perSecond)
    }

    private func state(at now: Timestamp) -> (tokens: Double, opensAt: Timestamp?) {
        let filled = now > filledAt ? min(capacity, tokens + (now - filledAt).inSeconds * perSecond) : tokens
        if filled >= 1 { return (filled, nil) }
        return (filled, max(filledAt, now) + .microseconds(Int64(((1 - filled) / perSecond * 1_000_000).rounded(.up))))
    }
}
