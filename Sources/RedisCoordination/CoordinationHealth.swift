import AdapterKit

/// Whether Redis can be relied on just now. Pure: time is handed in.
///
/// It can while every part works. What fails for a moment is not told; what stays away beyond `patience` is, once, and so is the recovery.
struct CoordinationHealth: Hashable, Sendable {
    enum Part: Hashable, Sendable, CaseIterable {
        /// The connection that asks.
        case commands
        /// The connection that listens.
        case subscription
        /// What is asked is done: a server that only reads, or has no memory left, answers and does nothing.
        case service
    }

    enum State: Hashable, Sendable {
        /// Nothing is known yet.
        case starting
        case healthy, degraded
    }

    /// What is to be logged.
    enum Change: Hashable, Sendable {
        case connected
        case degraded(RedisFailure)
        case recovered(after: Duration)
    }

    private let patience: Duration
    private(set) var state = State.starting
    /// How often a connection came about anew.
    private(set) var reconnects = 0
    private var known: Set<Part> = []
    private var failures: [Part: RedisFailure] = [:]
    private var downSince: Timestamp?
    private var degradedBefore = Duration.zero

    init(patience: Duration, at now: Timestamp) {
        self.patience = patience
        downSince = now
    }

    /// Every part works at this moment.
    var isUp: Bool { downSince == nil }

    mutating func up(_ part: Part, at now: Timestamp) -> Change? {
        let isNew = known.insert(part).inserted
        if failures.removeValue(forKey: part) != nil, !isNew, part != .service { reconnects += 1 }
        guard let since = downSince, failures.isEmpty, known.count == Part.allCases.count else { return look(at: now) }
        downSince = nil
        defer { state = .healthy }
        switch state {
        case .starting: return .connected
        case .healthy: return nil
        case .degraded:
            degradedBefore += now - since
            return .recovered(after: now - since)
        }
    }

    mutating func down(_ part: Part, _ failure: RedisFailure, at now: Timestamp) -> Change? {
        failures[part] = failure
        if downSince == nil { downSince = now }
        return look(at: now)
    }

    /// When it is to be looked at though nothing happens.
    var lookAt: Timestamp? { state == .degraded ? nil : downSince.map { $0 + patienceNow } }

    /// Who starts has the time to connect.
    private var patienceNow: Duration { state == .starting ? patience + .seconds(1) : patience }

    mutating func look(at now: Timestamp) -> Change? {
        guard state != .degraded, let since = downSince, now - since >= patienceNow else { return nil }
        state = .degraded
        // The part that others hang on tells most.
        return .degraded(Part.allCases.compactMap { failures[$0] }.first ?? .away)
    }

    /// How long it has been degraded, over all times.
    func degraded(at now: Timestamp) -> Duration {
        guard state == .degraded, let downSince else { return degradedBefore }
        return degradedBefore + max(.zero, now - downSince)
    }
}
