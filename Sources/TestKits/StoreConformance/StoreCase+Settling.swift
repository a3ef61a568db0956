import AdapterKit
import GatewayModel

extension StoreCase {
    static var settling: [StoreCase] {
        [
            StoreCase("a settlement writes state, attempt and release at once") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                let settlement = claimed.accepted(at: trial.at(2), providerID: "p-1")
                try expectEqual(try await trial.store.settle([settlement]), [claimed.delivery.id], "it is written")
                let settled = try await trial.read(claimed.delivery.id)
                try expectEqual(settled.state, .succeeded, "the state")
                try expectEqual(settled.providerMessageID, "p-1", "the provider's id")
                try expectEqual(settled.settledAt, trial.at(2), "the time")
                try expectEqual(settled.lease, nil, "the lease")
                try expectEqual(settled.claimCount, 0, "the claims")
                try expectEqual(settled.revision, claimed.delivery.revision + 1, "the revision")
                try expectEqual(try await trial.store.attempts(of: settled.id), [settlement.attempt].compactMap { $0 }, "the attempt")
                try expectEqual(try await trial.store.nextLeaseEnd(), nil, "nothing is leased")
                try expectEqual(try await trial.store.nextDeadline(), nil, "nothing is pending")
            },
            StoreCase("settle writes each wholly or not at all") { trial in
                for _ in 0..<3 { try await trial.accept(trial.mail()) }
                let claimed = try await trial.claim().deliveries
                try await trial.store.release([claimed[1].reference], dueAt: nil)
                let settled = try await trial.store.settle(claimed.map { $0.accepted(at: trial.at(1)) })
                try expectEqual(settled, [claimed[0].delivery.id, claimed[2].delivery.id], "those whose token held")
                try expectEqual(try await trial.read(claimed[1].delivery.id).state, .pending, "the other stands")
                try expectEqual(try await trial.store.attempts(of: claimed[1].delivery.id), [], "without an attempt")
            },
            StoreCase("settle writes all or nothing") { trial in
                try await trial.accept(trial.mail())
                let first = try await trial.claimOne()
                _ = try await trial.store.settle([first.deferred(to: trial.at(10), at: trial.at(1))])
                let claimed = try await trial.claimOne(at: trial.at(10))
                let journal = try await trial.store.attempts(of: claimed.delivery.id)
                // The journal has that number already, which is found only when the state was written.
                var spoilt = claimed.accepted(at: trial.at(11))
                spoilt.attempt?.number = 1
                do {
                    let written = try await trial.store.settle([spoilt])
                    try expect(false, "it is refused, and not \(written)")
                } catch is StoreError {}
                let standing = try await trial.read(claimed.delivery.id)
                try expectEqual(standing.state, .pending, "the state stands")
                try expectEqual(standing.lease?.token, claimed.token, "and so does the lease")
                try expectEqual(try await trial.store.attempts(of: claimed.delivery.id), journal, "the journal too")
                try expectEqual(
                    try await trial.store.settle([claimed.accepted(at: trial.at(12))]), [claimed.delivery.id], "and it can be settled yet")
            },
            StoreCase("a settlement tells who else changed by it") { trial in
                for effect in [FallbackEffect.activate, .cancel] {
                    let first = try await trial.accept(trial.mail())
                    var standby = trial.mail("b@example.com", dueAt: .distantFuture)
                    standby.fallbackOf = first.id
                    try await trial.accept(standby)
                    let claimed = try await trial.claimOne(at: trial.at(6))
                    let settled = try await trial.store.settle([claimed.failed(at: trial.at(7), fallback: effect)])
                    try expectEqual(settled, [first.id, standby.id], "the one that stood by is named")
                    if effect == .activate { _ = try await trial.store.settle([trial.claimOne(at: trial.at(7)).accepted(at: trial.at(8))]) }
                }
            },
            StoreCase("a settlement survives a kill") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.accepted(at: trial.at(1))])
                let after = try await trial.reopened()
                try expectEqual(try await after.read(claimed.delivery.id).state, .succeeded, "it is not sent again")
                try expectEqual(try await after.claim(at: trial.at(600)).deliveries, [], "nothing is left to do")
                await after.store.close()
            },
            StoreCase("a deferral makes it due again at its time") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.deferred(to: trial.at(60), at: trial.at(1))])
                try expectEqual(try await trial.claim(at: trial.at(59)).deliveries, [], "not before")
                let again = try await trial.claimOne(at: trial.at(60)).delivery
                try expectEqual(again.attemptCount, 1, "the attempt was counted")
                try expectEqual(again.claimCount, 1, "claims begin anew")
                try expectEqual(again.lastError?.errorClass, .timeout, "the error is kept")
            },
            StoreCase("attempts are appended in their order") { trial in
                try await trial.accept(trial.mail())
                for round in 1...3 {
                    let claimed = try await trial.claimOne(at: trial.at(Int64(round) * 10))
                    let now = trial.at(Int64(round) * 10 + 1)
                    _ = try await trial.store.settle([claimed.deferred(to: now, at: now)])
                }
                let page = try await trial.store.deliveries(DeliveryQuery(now: trial.start))
                try expectEqual(try await trial.store.attempts(of: page.elements[0].id).map(\.number), [1, 2, 3], "numbers rise")
            },
            StoreCase("a failure activates the fallback") { trial in
                let first = try await trial.accept(trial.mail())
                var standby = trial.mail("b@example.com", dueAt: .distantFuture)
                standby.fallbackOf = first.id
                try await trial.accept(standby)
                let claimed = try await trial.claimOne()
                try expectEqual(claimed.delivery.id, first.id, "the fallback waits")
                _ = try await trial.store.settle([claimed.failed(at: trial.at(7), fallback: .activate)])
                let active = try await trial.claimOne(at: trial.at(7))
                try expectEqual(active.delivery.id, standby.id, "now it is due")
                try expectEqual(active.delivery.dueAt, trial.at(7), "from the moment of the failure")
            },
            StoreCase("a failure does not wait for the fallback's own time") { trial in
                let first = try await trial.accept(trial.mail())
                var standby = trial.mail("b@example.com", dueAt: trial.at(600))
                standby.fallbackOf = first.id
                try await trial.accept(standby)
                _ = try await trial.store.settle([try await trial.claimOne().failed(at: trial.at(7), fallback: .activate)])
                let active = try await trial.claimOne(at: trial.at(7)).delivery
                try expectEqual(active.id, standby.id, "it is due at once")
                try expectEqual(active.dueAt, trial.at(7), "from the moment of the failure")
            },
            StoreCase("a success cancels the fallback and what stands by for that") { trial in
                let first = try await trial.accept(trial.mail())
                var standby = trial.mail(dueAt: .distantFuture)
                standby.fallbackOf = first.id
                var last = trial.mail(dueAt: .distantFuture)
                last.fallbackOf = standby.id
                try await trial.accept(standby)
                try await trial.accept(last)
                _ = try await trial.store.settle([try await trial.claimOne().accepted(at: trial.at(1), fallback: .cancel)])
                for id in [standby.id, last.id] {
                    let cancelled = try await trial.read(id)
                    try expectEqual(cancelled.state, .cancelled, "it is cancelled")
                    try expectEqual(cancelled.reason, .superseded, "with its reason")
                    try expectEqual(cancelled.settledAt, trial.at(1), "at that time")
                }
            },
            StoreCase("more tries and a later deadline are granted by a change") { trial in
                let delivery = try await trial.accept(trial.mail())
                var change = delivery.unchanged(at: trial.at(1))
                change.maxAttempts = 9
                change.deadline = trial.at(200_000)
                guard case .applied(let changed) = try await trial.store.apply(change, to: delivery, audit: nil) else {
                    return try expect(false, "it is applied")
                }
                try expectEqual(changed.maxAttempts, 9, "more tries")
                try expectEqual(changed.deadline, trial.at(200_000), "a later deadline")
                try expectEqual(try await trial.store.nextDeadline(), trial.at(200_000), "which the store watches")
            },
        ]
    }
}
