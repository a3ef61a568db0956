/// How Redis is reached, and how long anything may take.
public struct RedisConfiguration: Sendable {
    let url: RedisURL
    /// How long a command may take before the connection counts as lost; nobody waits longer for an answer.
    public var timeout: Duration = .milliseconds(150)
    /// How long it may take to connect and be let in.
    public var connectTimeout: Duration = .milliseconds(300)
    /// How long a connection is silent before it is asked whether it lives.
    public var heartbeat: Duration = .milliseconds(300)
    /// How long Redis may be away before that is said and counted.
    public var patience: Duration = .milliseconds(300)
    var reconnecting = Reconnecting()

    /// - Parameter url: As `RedisURL` says; a fault never shows it.
    public init(url: String) throws(RedisURLFault) { self.url = try RedisURL(url) }

    /// Waits between tries to connect: they double, and chance takes up to half of each, so that nodes do not come back all at once.
    struct Reconnecting: Hashable, Sendable {
        var initial = Duration.milliseconds(20)
        var longest = Duration.milliseconds(500)

        func delay(after failures: Int, chance: Double) -> Duration {
            var delay = initial
            for _ in 1..<max(failures, 1) where delay < longest { delay *= 2 }
            return min(delay, longest) * (0.5 + chance / 2)
        }
    }
}
