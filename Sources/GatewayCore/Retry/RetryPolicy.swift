import AdapterKit

/// How long to wait between tries, and how many there may be.
public struct RetryPolicy: Hashable, Sendable {
    /// Tries that count, the first among them.
    public var maxAttempts: Int
    /// The wait after the first try.
    public var initial: Duration
    public var multiplier: Double
    /// No wait is longer.
    public var cap: Duration
    /// The share of a wait that is left to chance: 0.1 spreads it evenly over ±10 %, 0 is exact.
    public var jitter: Double
    /// How long after a delivery became due it is still tried.
    public var deadline: Duration

    public init(
        maxAttempts: Int = 5, initial: Duration = .seconds(60), multiplier: Double = 2, cap: Duration = .seconds(3600),
        jitter: Double = 0.1,
        deadline: Duration = .seconds(86_400)
    ) {
        self.maxAttempts = maxAttempts
        self.initial = initial
        self.multiplier = multiplier
        self.cap = cap
        self.jitter = jitter
        self.deadline = deadline
    }

    /// The wait after try number `attempt` (1, 2, …). `chance` is a draw from 0..<1.
    public func wait(after attempt: Int, chance: Double) -> Duration {
        var seconds = initial.inSeconds
        for _ in 1..<max(1, min(attempt, 64)) where seconds < cap.inSeconds { seconds *= multiplier }
        seconds = min(seconds, cap.inSeconds)
        return .microseconds(Int64(seconds * (1 + jitter * (2 * chance - 1)) * 1_000_000))
    }

    /// A provider's hint, held between a second and what is left of the deadline, a day at the most.
    public static func bounded(_ hint: Duration, left: Duration) -> Duration {
        max(.seconds(1), min(hint, .seconds(86_400), left))
    }
}
