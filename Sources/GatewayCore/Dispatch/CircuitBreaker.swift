public import AdapterKit
import DequeModule

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
    private struct Try: Hashable {
        var at: Timestamp
        var failed: Bool
        /// How many it counts for.
        var weight: Int
    }

    private let policy: CircuitPolicy
    private var tries: Deque<Try> = []
    private var weight = 0
    private var failedWeight = 0
    private var wait: Duration
    public private(set) var state: CircuitState = .closed
    /// When an open circuit lets the next probe through.
    public private(set) var probeAt: Timestamp?

    public init(_ policy: CircuitPolicy) {
        self.policy = policy
        self.wait = policy.firstProbe
    }

    /// Whether a try may start now.
    public func allows(at now: Timestamp) -> Bool {
        switch state {
        case .closed: true
        case .halfOpen: false
        case .open: probeAt.map { $0 <= now } ?? false
        }
    }

    /// A try that is allowed starts; answers whether it is the probe. Only the probe's end is to be told to a circuit that is not closed.
    public mutating func begin() -> Bool {
        guard state == .open else { return false }
        state = .halfOpen
        return true
    }

    /// How a try ended: `failed` only by the provider's or the network's fault.
    ///
    /// - Parameter took: How long it lasted. One that failed after several windows counts for as many: where nothing but waiting happens there
    ///   are never many tries within one.
    public mutating func record(failed: Bool, took: Duration = .zero, at now: Timestamp) {
        switch state {
        case .halfOpen:
            if failed { open(at: now) } else { close() }
        case .open: break
        case .closed:
            forget(before: now - policy.window)
            let new = Try(at: now, failed: failed, weight: failed ? max(1, Int(took / policy.window)) : 1)
            tries.append(new)
            weight += new.weight
            if failed { failedWeight += new.weight }
            if failed, weight >= policy.minimumTries, Double(failedWeight) >= policy.failureShare * Double(weight) {
                wait = policy.firstProbe
                open(at: now)
            }
        }
    }

    /// A probe that was begun did not take place, or says nothing: the next may come.
    public mutating func abandonProbe(at now: Timestamp) {
        guard state == .halfOpen else { return }
        state = .open
        probeAt = now
    }

    /// Another node found the provider down: tries stay away here too, until the same time.
    mutating func heardOpened(probeIn: Duration, at now: Timestamp) {
        // Whoever has a probe under way will know by himself.
        guard state != .halfOpen else { return }
        open(at: now)
        let span = min(max(probeIn, .zero), policy.longestProbe)
        probeAt = now + span
        wait = min(max(span, policy.firstProbe) * 2, policy.longestProbe)
    }

    /// Another node's probe went through.
    mutating func heardClosed() {
        if state == .open { close() }
    }

    /// Nothing is remembered that would still matter: no try within the window, and no probe that anybody waits for.
    public func isQuiet(at now: Timestamp) -> Bool {
        let end = now - policy.window
        return switch state {
        case .closed: tries.last.map { $0.at <= end } ?? true
        case .open: probeAt.map { $0 <= end } ?? true
        case .halfOpen: false
        }
    }

    private mutating func forget(before start: Timestamp) {
        while let first = tries.first, first.at <= start {
            weight -= first.weight
            if first.failed { failedWeight -= first.weight }
            tries.removeFirst()
        }
    }

    private mutating func open(at now: Timestamp) {
        state = .open
        probeAt = now + wait
        wait = min(wait * 2, policy.longestProbe)
        tries.removeAll()
        weight = 0
        failedWeight = 0
    }

    private mutating func close() {
        state = .closed
        probeAt = nil
        wait = policy.firstProbe
    }
}
