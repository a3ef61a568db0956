import AdapterKit
import GatewayModel

extension StoreCase {
    static var claiming: [StoreCase] {
        [
            StoreCase("claim honours time") { trial in
                try await trial.accept(trial.mail(dueAt: trial.at(10)))
                let early = try await trial.claim(at: trial.at(9))
                try expectEqual(early.deliveries, [], "nothing is due yet")
                try expectEqual(early.nextDue, trial.at(10), "the claim says when something is")
                try expectEqual(try await trial.claim(at: trial.at(10)).deliveries.count, 1, "it is due at its time")
            },
            StoreCase("claim honours the channel") { trial in
                try await trial.accept(trial.mail())
                let other = try await trial.claim(channel: .webhook)
                try expectEqual(other.deliveries, [], "another channel has nothing")
                try expectEqual(other.nextDue, nil, "and nothing to wait for")
            },
            StoreCase("claim honours its limit and says when it is full") { trial in
                for _ in 0..<5 { try await trial.accept(trial.mail()) }
                let first = try await trial.claim(3)
                try expectEqual(first.deliveries.count, 3, "no more than the limit")
                try expect(first.isFull, "the limit was reached")
                let second = try await trial.claim(3)
                try expectEqual(second.deliveries.count, 2, "the rest")
                try expect(!second.isFull, "the limit was not reached")
            },
            StoreCase("claim hands out in the order of due time") { trial in
                for due in [30, 10, 20] as [Int64] { try await trial.accept(trial.mail(dueAt: trial.at(due))) }
                let dues = try await trial.claim(at: trial.at(60)).deliveries.map(\.delivery.dueAt)
                try expectEqual(dues, [trial.at(10), trial.at(20), trial.at(30)], "the earliest first")
            },
            StoreCase("a claim leases and counts") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                try expectEqual(claimed.delivery.claimCount, 1, "the claim is counted")
                try expectEqual(claimed.delivery.lease, Lease(token: claimed.token, until: trial.at(60)), "it has its lease")
                try expectEqual(try await trial.read(claimed.delivery.id), claimed.delivery, "the delivery reads so too")
            },
            StoreCase("what is claimed is not claimed again") { trial in
                try await trial.accept(trial.mail())
                _ = try await trial.claimOne()
                try expectEqual(try await trial.claim().deliveries, [], "it is taken")
            },
            StoreCase("two claimers never share") { trial in
                for _ in 0..<60 { try await trial.accept(trial.mail()) }
                let ids = try await withThrowingTaskGroup(of: [DeliveryID].self) { group in
                    for _ in 0..<12 { group.addTask { try await trial.claim(5).deliveries.map(\.delivery.id) } }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                try expectEqual(ids.count, 60, "everything is handed out")
                try expectEqual(Set(ids).count, 60, "nothing twice")
            },
            StoreCase("no two claims share a token") { trial in
                try await trial.accept(trial.mail())
                let first = try await trial.claimOne()
                try await trial.store.release([first.reference], dueAt: nil)
                try expect(try await trial.claimOne().token != first.token, "a new claim has a new token")
            },
            StoreCase("each delivery of a claim has a token of its own") { trial in
                for _ in 0..<5 { try await trial.accept(trial.mail()) }
                try expectEqual(Set(try await trial.claim().deliveries.map(\.token)).count, 5, "nobody's token is another's")
            },
            StoreCase("nextDue is the earliest unclaimed time after now") { trial in
                for due in [0, 40, 20] as [Int64] { try await trial.accept(trial.mail(dueAt: trial.at(due))) }
                try expectEqual(try await trial.claim(0 + 1).nextDue, trial.at(20), "what is due now does not count")
            },
            StoreCase("what waits for an event has no due time to wait for") { trial in
                try await trial.accept(trial.mail(dueAt: .distantFuture))
                try expectEqual(try await trial.claim().nextDue, nil, "there is no such time")
            },
            StoreCase("of one ordering key only the head is handed out") { trial in
                let first = try await trial.accept(trial.mail(orderingKey: "quote"))
                let second = try await trial.accept(trial.mail(orderingKey: "quote"))
                let claimed = try await trial.claimOne()
                try expectEqual(claimed.delivery.id, first.id, "the first accepted goes first")
                try expectEqual(try await trial.claim().deliveries, [], "the other waits while it is on its way")
                try expectEqual(try await trial.store.settle([claimed.accepted(at: trial.at(1))]), [first.id], "it settles")
                try expectEqual(try await trial.claimOne(at: trial.at(1)).delivery.id, second.id, "then the other goes")
            },
            StoreCase("a retry of the head blocks what follows") { trial in
                let first = try await trial.accept(trial.mail(orderingKey: "quote"))
                let second = try await trial.accept(trial.mail(orderingKey: "quote"))
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.deferred(to: trial.at(600), at: trial.at(1))])
                let between = try await trial.claim(at: trial.at(2))
                try expectEqual(between.deliveries, [], "the second does not overtake")
                try expectEqual(between.nextDue, trial.at(600), "only the retry has a time; what is due and blocked has none")
                let retried = try await trial.claimOne(at: trial.at(600))
                try expectEqual(retried.delivery.id, first.id, "the head is tried again")
                _ = try await trial.store.settle([retried.failed(at: trial.at(601))])
                try expectEqual(try await trial.claimOne(at: trial.at(601)).delivery.id, second.id, "its failure lets the second go")
            },
            StoreCase("the head of a key is the earliest as planned") { trial in
                let later = try await trial.accept(trial.mail(dueAt: trial.at(20), orderingKey: "quote"))
                let earlier = try await trial.accept(trial.mail(dueAt: trial.at(10), orderingKey: "quote"))
                let claimed = try await trial.claimOne(at: trial.at(30))
                try expectEqual(claimed.delivery.id, earlier.id, "planned earlier goes first, though accepted later")
                _ = try await trial.store.settle([claimed.accepted(at: trial.at(31))])
                try expectEqual(try await trial.claimOne(at: trial.at(31)).delivery.id, later.id, "then the other")
            },
            StoreCase("what comes before the head never goes beside it") { trial in
                let head = try await trial.accept(trial.mail(dueAt: trial.at(20), orderingKey: "quote"))
                let claimed = try await trial.claimOne(at: trial.at(20))
                try expectEqual(claimed.delivery.id, head.id, "the head is on its way")
                let earlier = try await trial.accept(trial.mail(dueAt: trial.at(10), orderingKey: "quote"))
                try expectEqual(try await trial.claim(at: trial.at(21)).deliveries, [], "one at a time")
                try await trial.store.release([claimed.reference], dueAt: nil)
                try expectEqual(try await trial.claimOne(at: trial.at(22)).delivery.id, earlier.id, "now the earlier one is the head")
            },
            StoreCase("ordering keys of two organizations do not meet") { trial in
                try await trial.accept(trial.mail(orderingKey: "quote"), for: .first)
                try await trial.accept(trial.mail(orderingKey: "quote"), for: .second)
                try expectEqual(try await trial.claim().deliveries.count, 2, "each organization has its own head")
            },
            StoreCase("a cancelled head lets the next one go") { trial in
                let first = try await trial.accept(trial.mail(orderingKey: "quote"))
                let second = try await trial.accept(trial.mail(orderingKey: "quote"))
                _ = try await trial.store.apply(first.cancelled(at: trial.at(1)), to: first, audit: nil)
                try expectEqual(try await trial.claimOne(at: trial.at(1)).delivery.id, second.id, "the second is the head now")
            },
        ]
    }

    static var fairness: [StoreCase] {
        [
            StoreCase("5000 pending of one organization do not delay 10 of another") { trial in
                for _ in 0..<50 {
                    _ = try await trial.store.accept((0..<100).map { _ in trial.message(of: [trial.mail()], for: .first) })
                }
                for _ in 0..<10 { try await trial.accept(trial.mail(dueAt: trial.at(1)), for: .second) }
                let claimed = try await trial.claim(20, at: trial.at(2)).deliveries
                try expectEqual(claimed.count { $0.delivery.organizationID == .second }, 10, "all ten are in the first claim")
                try expectEqual(claimed.count, 20, "and the rest is not wasted")
            },
            StoreCase("what one organization leaves of its share goes to the others") { trial in
                for _ in 0..<20 { try await trial.accept(trial.mail(), for: .first) }
                try await trial.accept(trial.mail(), for: .second)
                try expectEqual(try await trial.claim(10).deliveries.count, 10, "the limit is used up")
            },
            StoreCase("claims of one take turns among organizations") { trial in
                for _ in 0..<4 {
                    try await trial.accept(trial.mail(), for: .first)
                    try await trial.accept(trial.mail(), for: .second)
                }
                var served: [OrganizationID] = []
                for _ in 0..<4 { served.append(try await trial.claim(1).deliveries[0].delivery.organizationID) }
                try expectEqual(served.count { $0 == .first }, 2, "each has its turn")
            },
            StoreCase("excluded organizations are left out") { trial in
                try await trial.accept(trial.mail(), for: .first)
                let other = try await trial.accept(trial.mail(), for: .second)
                let claim = try await trial.claim(excluding: [.first])
                try expectEqual(claim.deliveries.map(\.delivery.id), [other.id], "only the other's")
                try expectEqual(try await trial.claim().deliveries.count, 1, "what was left out is still there")
            },
            StoreCase("excluded organizations hide nobody, however many they are") { trial in
                let organizations = (1...12).map { OrganizationID(UUIDBits(high: $0, low: $0)) }
                for organization in organizations { try await trial.accept(trial.mail(), for: organization) }
                for other in [organizations[11], organizations[0], organizations[6]] {
                    let claimed = try await trial.claim(1, excluding: Set(organizations).subtracting([other])).deliveries
                    try expectEqual(claimed.map(\.delivery.organizationID), [other], "the one that is not excluded is served")
                }
            },
        ]
    }
}
