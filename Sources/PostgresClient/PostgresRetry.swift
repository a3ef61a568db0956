/// How often a transaction is run again that met another one: a serialization failure or a deadlock.
///
/// Only what certainly was not committed is ever run again.
public struct PostgresRetry: Sendable {
    /// Runs in all, the first one included.
    public var attempts: Int
    /// The longest wait before the second run; it doubles with each further one, and is shortened at random.
    public var pause: Duration

    public init(attempts: Int, pause: Duration = .milliseconds(5)) {
        self.attempts = attempts
        self.pause = pause
    }

    public static let never = PostgresRetry(attempts: 1)

    /// How long to wait after `attempt` failed; `nil` when it is not to be run again.
    func pause(after error: PostgresError, attempt: Int, jitter: Double) -> Duration? {
        guard attempt < attempts, error.commit == .certainlyNotCommitted, error.state?.isConflict == true else { return nil }
        return Backoff(initial: pause, longest: .seconds(1)).delay(after: attempt, jitter: jitter)
    }
}
