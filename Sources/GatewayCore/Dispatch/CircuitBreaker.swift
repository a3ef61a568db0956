public import AdapterKit

/// When a circuit opens, and how it is probed.
public struct CircuitPolicy: Hashable, Sendable {
    /// The span that tries are counted over.
    public var window: Duration
    /// Fewer tries than this prove nothing.
    public var minimumTries: Int
    /// The share of failed ones at which the circuit opens.
    public var failureShare: Double
    public var firstProbe: Duration
    public var longestProbe: Duration

    public init(
        window: Duration = .seconds(30), minimumTries: Int = 20, failureShare: Double = 0.5, firstProbe: Duration = .seconds(1),
        longestProbe: Duration = .seconds(60)
    ) {
        self.window = window
        self.minimumTries = minimumTries
        self.failureShare = failureShare
        self.firstProbe = firstProbe
        self.longestProbe = longestProbe
    }
}

public enum CircuitState: String, Hashable, Sendable, CaseIterable {
    case closed, open
    case halfOpen = "half_open"
}

/// Keeps tries away from a provider that is down, and lets single ones through to see whether it is back. Pure: time is handed in.
public struct CircuitBreaker: Hashable, Sendable {
    private let policy: CircuitPolicy
    private var times: [Timestamp] = []
    private var failures: [Bool] = []
    private var wait: Duration
    public private(set) var state: CircuitState = .closed
    /// When an open circuit lets the next probe through.
    public private(set) var probeAt: Timestamp?

    public init(_ policy: CircuitPolicy) {
        self.policy = policy
        self.wait = policy.firstProbe
    }

    /// Whether a try may start now; taking it on an open circuit whose probe is due makes it the probe.
    public mutating func allows(at now: Timestamp) -> Bool {
        switch state {
        case .closed: return true
        case .halfOpen: return false
        case .open:
            guard let probeAt, probeAt <= now else { return false }
            state = .halfOpen
            return true
        }
    }

    /// How a try ended: `failed` only by the provider's or the network's fault.
    public mutating func record(failed: Bool, at now: Timestamp) {
        switch state {
        case .halfOpen:
            if failed { open(at: now) } else { close() }
        case .open: break
        case .closed:
            let start = now - policy.window
            let stale = times.firstIndex { $0 > start } ?? times.count
            times.removeFirst(stale)
            failures.removeFirst(stale)
            times.append(now)
            failures.append(failed)
            let failedTries = failures.count { $0 }
            if failed, times.count >= policy.minimumTries, Double(failedTries) >= policy.failureShare * Double(times.count) {
                wait = policy.firstProbe
                open(at: now)
            }
        }
    }

    /// A probe that was allowed did not take place, or says nothing: the next may come.
    public mutating func abandonProbe(at now: Timestamp) {
        guard state == .halfOpen else { return }
        state = .open
        probeAt = now
    }

    /// Nothing is remembered that a new breaker would not know.
    public func isQuiet(at now: Timestamp) -> Bool {
        state == .closed && (times.last.map { $0 <= now - policy.window } ?? true)
    }

    private mutating func open(at now: Timestamp) {
        state = .open
        probeAt = now + wait
        wait = min(wait * 2, policy.longestProbe)
        times.removeAll()
        failures.removeAll()
    }

    private mutating func close() {
        state = .closed
        probeAt = nil
        wait = policy.firstProbe
    }
}
