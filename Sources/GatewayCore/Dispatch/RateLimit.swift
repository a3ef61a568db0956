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
        if now > filledAt {
            tokens = min(max(1, perSecond), tokens + (now - filledAt).inSeconds * perSecond)
            filledAt = now
        }
        if tokens >= 1 {
            tokens -= 1
            return nil
        }
        return filledAt + .microseconds(Int64(((1 - tokens) / perSecond * 1_000_000).rounded(.up)))
    }
}
