/// Waits that double with each failure.
struct Backoff: Hashable, Sendable {
    var initial: Duration
    var longest: Duration

    /// - Parameter jitter: From 0 to 1; it takes up to half of the wait away, so that many do not come back at once.
    func delay(after failures: Int, jitter: Double) -> Duration {
        var delay = initial
        for _ in 1..<max(failures, 1) where delay < longest { delay *= 2 }
        return min(delay, longest) * (0.5 + min(max(jitter, 0), 1) / 2)
    }
}
