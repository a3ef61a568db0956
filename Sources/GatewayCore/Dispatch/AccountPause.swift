import AdapterKit

/// Whether an account may send: a fault of the account pauses it, probes ask whether it is back, and then one real delivery goes first.
/// Pure: time is handed in.
struct AccountPause: Hashable, Sendable {
    enum State: Hashable, Sendable {
        case none
        /// Asked again at that time.
        case paused(until: Timestamp)
        case probing
        /// A probe went well. It sends nothing, so what it says is believed once a delivery has gone through.
        case trial
    }

    private let first: Duration
    private let longest: Duration
    private var wait: Duration
    private(set) var state = State.none

    init(_ policy: CircuitPolicy) {
        first = policy.firstProbe
        longest = policy.longestProbe
        wait = policy.firstProbe
    }

    /// A try ended in a fault of the account; answers whether the account was sending until now.
    mutating func fault(at now: Timestamp) -> Bool {
        switch state {
        case .none:
            wait = first
            state = .paused(until: now + wait)
            return true
        case .trial:
            wait = min(wait * 2, longest)
            state = .paused(until: now + wait)
            return true
        case .paused, .probing: return false
        }
    }

    /// Whether a probe is due; it counts as under way from then.
    mutating func beginProbe(at now: Timestamp) -> Bool {
        guard case .paused(let until) = state, until <= now else { return false }
        state = .probing
        return true
    }

    /// What a probe said; answers whether the account may be tried again.
    mutating func probed(canSend: Bool, at now: Timestamp) -> Bool {
        guard state == .probing else { return false }
        if !canSend {
            wait = min(wait * 2, longest)
            state = .paused(until: now + wait)
            return false
        }
        state = .trial
        return true
    }

    /// A delivery went through as far as the account is concerned; answers whether that ended the pause.
    mutating func passed() -> Bool {
        guard state == .trial else { return false }
        state = .none
        return true
    }

    /// Another node found a fault of the account; answers whether it was sending here until now.
    mutating func heardFault(probeIn: Duration, at now: Timestamp) -> Bool {
        guard state == .none else { return false }
        wait = min(max(probeIn, first), longest)
        state = .paused(until: now + min(max(probeIn, .zero), longest))
        return true
    }

    /// Another node's delivery went through; answers whether that ended a pause here.
    mutating func heardPassed() -> Bool {
        switch state {
        // Whoever has a probe under way will know by himself.
        case .none, .probing: return false
        case .paused, .trial:
            state = .none
            return true
        }
    }

    /// When the account is asked next; `nil` while a probe is under way, and without a pause.
    var probeAt: Timestamp? {
        if case .paused(let until) = state { until } else { nil }
    }
}
