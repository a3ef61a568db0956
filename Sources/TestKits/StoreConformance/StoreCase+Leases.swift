import AdapterKit
import GatewayModel

extension StoreCase {
    static var leases: [StoreCase] {
        [
            StoreCase("an expired lease is found under its old token") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                try expectEqual(try await trial.store.nextLeaseEnd(), trial.at(60), "the store knows when it ends")
                try expectEqual(try await trial.store.expiredLeases(at: trial.at(59), limit: 10), [], "it holds until then")
                let expired = try await trial.store.expiredLeases(at: trial.at(60), limit: 10)
                try expectEqual(expired, [claimed], "then it is found as it was handed out")
                var change = claimed.delivery.unchanged(at: trial.at(60))
                change.dueAt = trial.at(60)
                let settled = try await trial.store.settle([
                    Settlement(deliveryID: claimed.delivery.id, token: claimed.token, change: change)
                ])
                try expectEqual(settled, [claimed.delivery.id], "a settlement with that token ends it")
                try expectEqual(
                    try await trial.claimOne(at: trial.at(60)).delivery.claimCount, 2, "it can be claimed again, and the claim counts")
            },
            StoreCase("a crash before settling leaves a lease that expires") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                let after = try await trial.reopened()
                try expectEqual(try await after.claim(at: trial.at(1)).deliveries, [], "it is still leased")
                try expectEqual(
                    try await after.store.expiredLeases(at: trial.at(60), limit: 10).map(\.token), [claimed.token], "until it expires")
                await after.store.close()
            },
            StoreCase("renew prolongs a lease that holds") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                try expectEqual(
                    try await trial.store.renew([claimed.reference], until: trial.at(120)), [claimed.delivery.id], "it is prolonged")
                try expectEqual(try await trial.store.nextLeaseEnd(), trial.at(120), "until the time named")
            },
            StoreCase("renew, mark and settle with a stale token are refused") { trial in
                try await trial.accept(trial.mail())
                let first = try await trial.claimOne()
                try await trial.store.release([first.reference], dueAt: nil)
                let second = try await trial.claimOne()
                try expectEqual(try await trial.store.renew([first.reference], until: trial.at(600)), [], "not prolonged")
                try expectEqual(try await trial.store.markTransmitting([first.reference], at: trial.at(1)), [], "not marked")
                try expectEqual(try await trial.store.settle([first.accepted(at: trial.at(1))]), [], "not settled")
                try expectEqual(try await trial.read(first.delivery.id), second.delivery, "nothing was written")
                try expectEqual(try await trial.store.attempts(of: first.delivery.id), [], "not even an attempt")
            },
            StoreCase("only leases that hold are marked as transmitting") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                try expectEqual(try await trial.store.markTransmitting([claimed.reference], at: trial.at(60)), [], "not one that has ended")
                try expectEqual(
                    try await trial.store.markTransmitting([claimed.reference], at: trial.at(1)), [claimed.delivery.id], "one that holds")
                try expectEqual(try await trial.read(claimed.delivery.id).lease?.isTransmitting, true, "it reads so")
                try expectEqual(
                    try await trial.store.expiredLeases(at: trial.at(60), limit: 1).first?.delivery.lease?.isTransmitting, true,
                    "whoever finds it expired sees it")
            },
            StoreCase("release takes the claim back") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                try await trial.store.release([claimed.reference], dueAt: nil)
                let released = try await trial.read(claimed.delivery.id)
                try expectEqual(released.claimCount, 0, "the claim does not count")
                try expectEqual(released.lease, nil, "the lease is gone")
                try expectEqual(released.dueAt, trial.start, "the due time stands")
            },
            StoreCase("release moves the due time where one is given") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                try await trial.store.release([claimed.reference], dueAt: trial.at(30))
                try expectEqual(try await trial.claim(at: trial.at(29)).deliveries, [], "not before")
                try expectEqual(try await trial.claimOne(at: trial.at(30)).delivery.claimCount, 1, "then, with its first claim that counts")
            },
            StoreCase("claims without settlement raise the claim count") { trial in
                try await trial.accept(trial.mail())
                for count in 1...3 {
                    let now = trial.at(Int64(count) * 100)
                    let claimed = try await trial.claimOne(at: now)
                    try expectEqual(claimed.delivery.claimCount, count, "each claim counts")
                    let change = claimed.delivery.unchanged(at: now)
                    _ = try await trial.store.settle([Settlement(deliveryID: claimed.delivery.id, token: claimed.token, change: change)])
                }
            },
            StoreCase("claims without settlement end as poison") { trial in
                let id = try await trial.accept(trial.mail()).id
                for count in 1...3 {
                    let now = trial.at(Int64(count) * 100)
                    _ = try await trial.claimOne(at: now)
                    // The node dies; what it held is found when its time is over, with all the claims that came to nothing.
                    let expired = try await trial.store.expiredLeases(at: now + .seconds(60), limit: 10)
                    try expectEqual(expired.map(\.delivery.id), [id], "it is found")
                    try expectEqual(expired.map(\.delivery.claimCount), [count], "each claim counts")
                    guard let found = expired.first else { return }
                    var change = found.delivery.unchanged(at: now + .seconds(60))
                    if count == 3 {
                        change.state = .failed
                        change.reason = .poison
                        change.settledAt = now + .seconds(60)
                    }
                    let ending = Settlement(deliveryID: id, token: found.token, change: change)
                    try expectEqual(try await trial.store.settle([ending]), [id], "its old token ends it")
                }
                let ended = try await trial.read(id)
                try expectEqual(ended.state, .failed, "it is given up")
                try expectEqual(ended.reason, .poison, "for that")
                try expectEqual(try await trial.claim(at: trial.at(10_000)).deliveries, [], "and never handed out again")
            },
            StoreCase("what is past its deadline is found, unless somebody works on it") { trial in
                var late = trial.mail(dueAt: .distantFuture)
                late.deadline = trial.at(10)
                let waiting = try await trial.accept(late)
                var leased = trial.mail()
                leased.deadline = trial.at(5)
                try await trial.accept(leased)
                _ = try await trial.claimOne()
                try expectEqual(try await trial.store.nextDeadline(), trial.at(5), "the next deadline is known")
                try expectEqual(try await trial.store.overdue(at: trial.at(9), limit: 10), [], "nothing unleased is late yet")
                try expectEqual(try await trial.store.overdue(at: trial.at(10), limit: 10), [waiting], "whatever it waits for")
            },
        ]
    }
}
