import AdapterKit
import GatewayModel

extension LaneState {
    /// A lease is renewed when a third of its time has passed.
    func careTime(ofLeaseUntil until: Timestamp) -> Timestamp { until - lease * 2 / 3 }

    /// When leases are to be renewed next, or attempts cut off that overran their time; `nil` while nothing is leased.
    mutating func planCare() -> Timestamp? {
        var earliest: Timestamp?
        func consider(_ time: Timestamp) { earliest = min(earliest ?? time, time) }
        for waiting in held.values { consider(careTime(ofLeaseUntil: waiting.leaseUntil)) }
        for attempt in running.values where attempt.cut != .leaseLost { consider(careTime(ofLeaseUntil: attempt.leaseUntil)) }
        if let time = earliest, let renewAgainAt { earliest = max(time, renewAgainAt) }
        for attempt in running.values where attempt.cut == nil { attempt.overrunAt.map(consider) }
        careAt = earliest
        return earliest
    }

    /// The leases to be renewed now: those whose time has come, and those whose time comes soon, so that they go together.
    func leasesToRenew(at now: Timestamp) -> [LeaseReference] {
        let end = now + lease * 3 / 4
        if let renewAgainAt, renewAgainAt > now { return [] }
        let attempts = running.filter { $0.value.leaseUntil <= end && $0.value.cut != .leaseLost }
        return attempts.map { LeaseReference(deliveryID: $0.value.deliveryID, token: $0.key) }
            + queue.waiting.filter { held[$0.token].map { $0.leaseUntil <= end } ?? false }
            .map { LeaseReference(deliveryID: $0.delivery.id, token: $0.token) }
    }

    /// Those whose lease could not be renewed are no longer ours; answers how to cancel the ones under way.
    mutating func renewed(_ leases: [LeaseReference], kept: Set<DeliveryID>, until: Timestamp) -> [@Sendable () -> Void] {
        renewAgainAt = nil
        var cancels: [@Sendable () -> Void] = []
        var lost: Set<LeaseToken> = []
        // What ended meanwhile is in neither.
        for lease in leases {
            if kept.contains(lease.deliveryID) {
                held[lease.token]?.leaseUntil = until
                running[lease.token]?.leaseUntil = until
            } else {
                if held[lease.token] != nil { lost.insert(lease.token) }
                cancels += cut(lease.token, .leaseLost)
            }
        }
        if !lost.isEmpty { _ = forget(queue.remove(lost)) }
        return cancels
    }

    mutating func renewalFailed(retryAt: Timestamp) { renewAgainAt = retryAt }

    /// Ends the attempts whose adapter did not answer within its time; answers how.
    mutating func cutOverruns(at now: Timestamp) -> [@Sendable () -> Void] {
        running.filter { $0.value.cut == nil && ($0.value.overrunAt.map { $0 <= now } ?? false) }.keys.flatMap { cut($0, .overrun) }
    }

    /// The clock was set forward: attempts have used up nothing of their time by that.
    mutating func clockJumped(by jump: Duration) {
        for token in running.keys {
            if let overrunAt = running[token]?.overrunAt { running[token]?.overrunAt = overrunAt + jump }
        }
    }

    /// Ends every attempt under way; answers how.
    mutating func cutAll() -> [@Sendable () -> Void] {
        running.keys.flatMap { cut($0, .stopped) }
    }

    mutating func cut(_ token: LeaseToken, _ reason: Running.Cut) -> [@Sendable () -> Void] {
        if running[token]?.cut == nil { running[token]?.cut = reason }
        return running[token]?.cancel.map { [$0] } ?? []
    }

    func leaseUntil(_ token: LeaseToken) -> Timestamp? { running[token]?.leaseUntil }
}
