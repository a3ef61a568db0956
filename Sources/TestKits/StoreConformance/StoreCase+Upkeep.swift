import AdapterKit
import GatewayModel

extension StoreCase {
    static var listing: [StoreCase] {
        [
            StoreCase("pages are newest first and stable under inserts") { trial in
                var ids: [DeliveryID] = []
                for index in 0..<7 {
                    var message = trial.message(of: [trial.mail()])
                    message.createdAt = trial.at(Int64(index / 2))
                    ids += try await trial.accept(message).map(\.id)
                }
                var seen: [DeliveryID] = []
                var after: PageCursor?
                repeat {
                    let page = try await trial.store.deliveries(
                        DeliveryQuery(organizationID: .first, now: trial.start, limit: 3, after: after))
                    seen += page.elements.map(\.id)
                    after = page.next
                    var newer = trial.message(of: [trial.mail()])
                    newer.createdAt = trial.at(1000)
                    try await trial.accept(newer)
                } while after != nil
                try expectEqual(seen.sorted(), ids.sorted(), "each once, whatever comes in meanwhile")
                try expectEqual(seen.first, ids.last, "the newest first")
            },
            StoreCase("an organization sees only its own") { trial in
                let delivery = try await trial.accept(trial.mail(), for: .first)
                try expectEqual(try await trial.store.delivery(delivery.id, organizationID: .second), nil, "not by id")
                try expectEqual(
                    try await trial.store.deliveries(DeliveryQuery(organizationID: .second, now: trial.start)).elements, [], "not in lists")
                try expectEqual(try await trial.store.message(delivery.messageID, organizationID: .second), [], "not by message")
                try expectEqual(try await trial.store.message(delivery.messageID, organizationID: .first), [delivery], "but its owner does")
                try expectEqual(try await trial.store.deliveries(DeliveryQuery(now: trial.start)).elements, [delivery], "and operators")
            },
            StoreCase("lists are filtered by every field") { trial in
                var wanted = trial.mail("wanted@example.com")
                wanted.trigger = "quote_sent"
                wanted.quoteID = QuoteID("q-1")
                wanted.leadID = LeadID("l-1")
                wanted.eventID = .make()
                wanted.origin = .workflow
                var message = trial.message(of: [wanted])
                message.apiKeyID = .make()
                try await trial.accept(message)
                var other = trial.mail()
                other.endpoint = Endpoint(channel: .webhook, address: "https://example.com/")
                var otherMessage = trial.message(of: [other])
                otherMessage.createdAt = trial.at(100)
                try await trial.accept(otherMessage)
                let queries: [(String, DeliveryQuery)] = [
                    ("key", DeliveryQuery(apiKeyID: message.apiKeyID, now: trial.start)),
                    ("channel", DeliveryQuery(channel: .email, now: trial.start)),
                    ("address", DeliveryQuery(address: "wanted@example.com", now: trial.start)),
                    ("trigger", DeliveryQuery(trigger: "quote_sent", now: trial.start)),
                    ("quote", DeliveryQuery(quoteID: QuoteID("q-1"), now: trial.start)),
                    ("lead", DeliveryQuery(leadID: LeadID("l-1"), now: trial.start)),
                    ("event", DeliveryQuery(eventID: wanted.eventID, now: trial.start)),
                    ("message", DeliveryQuery(messageID: message.id, now: trial.start)),
                    ("origin", DeliveryQuery(origin: .workflow, now: trial.start)),
                    ("until", DeliveryQuery(until: trial.at(100), now: trial.start)),
                ]
                for (name, query) in queries {
                    try expectEqual(try await trial.store.deliveries(query).elements.map(\.id), [wanted.id], "by \(name)")
                }
                let since = DeliveryQuery(since: trial.at(100), now: trial.start)
                try expectEqual(try await trial.store.deliveries(since).elements.map(\.id), [other.id], "by since")
            },
            StoreCase("lists are filtered by what is shown") { trial in
                let scheduled = try await trial.accept(trial.mail(dueAt: trial.at(100)))
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                let waiting = try await trial.accept(trial.mail())
                func ids(_ status: ShownState) async throws -> Set<DeliveryID> {
                    Set(try await trial.store.deliveries(DeliveryQuery(status: status, now: trial.at(1))).elements.map(\.id))
                }
                try expectEqual(try await ids(.scheduled), [scheduled.id], "scheduled")
                try expectEqual(try await ids(.processing), [claimed.delivery.id], "processing")
                try expectEqual(try await ids(.pending), [scheduled.id, claimed.delivery.id, waiting.id], "pending finds all three")
                _ = try await trial.store.settle([claimed.failed(at: trial.at(1))])
                try expectEqual(try await ids(.failed), [claimed.delivery.id], "failed")
                let byClass = DeliveryQuery(errorClass: .recipientInvalid, now: trial.at(1))
                try expectEqual(
                    try await trial.store.deliveries(byClass).elements.map(\.id), [claimed.delivery.id], "and by the class of its error")
            },
            StoreCase("the accounting identity holds after every step") { trial in
                func check(_ step: String, _ pending: Int) async throws {
                    let counts = try await trial.store.counts(at: trial.at(1), organizationID: nil)
                    try expectEqual(counts.unaccounted, 0, "nothing is lost after \(step)")
                    try expectEqual(counts.states[.email]?[.pending] ?? 0, pending, "pending after \(step)")
                }
                for _ in 0..<4 { try await trial.accept(trial.mail()) }
                try await check("accepting", 4)
                let claimed = try await trial.claim(3).deliveries
                try await check("claiming", 4)
                _ = try await trial.store.settle([
                    claimed[0].accepted(at: trial.at(1)), claimed[1].failed(at: trial.at(1)),
                    claimed[2].deferred(to: trial.at(9), at: trial.at(1)),
                ])
                try await check("settling", 2)
                let deferred = try await trial.read(claimed[2].delivery.id)
                _ = try await trial.store.apply(deferred.cancelled(at: trial.at(1)), to: deferred, audit: nil)
                try await check("cancelling", 1)
                _ = try await trial.store.purge(settledBefore: trial.day(2), eventsBefore: trial.day(2), limit: 100)
                try await check("retention", 1)
            },
            StoreCase("counts tell what waits, what works and for how long") { trial in
                var new = trial.mail()
                new.trigger = "quote_sent"
                try await trial.accept(new)
                _ = try await trial.claimOne()
                try await trial.accept(trial.mail(dueAt: trial.at(100)))
                try await trial.accept(trial.mail(dueAt: trial.at(3)), for: .second)
                let counts = try await trial.store.counts(at: trial.at(10), organizationID: nil)
                try expectEqual(counts.accepted, 3, "accepted")
                try expectEqual(counts.scheduled, [.email: 1], "scheduled")
                try expectEqual(counts.processing, [.email: 1], "processing")
                try expectEqual(counts.triggers, ["quote_sent": [.pending: 1]], "by trigger")
                try expectEqual(counts.oldestDue, trial.at(0), "due longest, though it is in progress")
                let theirs = try await trial.store.counts(at: trial.at(10), organizationID: .second)
                try expectEqual(theirs.accepted, 1, "an organization's own")
                try expectEqual(theirs.oldestDue, trial.at(3), "and due longest")
                try expectEqual(theirs.states, [.email: [.pending: 1]], "and nothing else")
                try expectEqual(theirs.processing, [:], "nor in progress")
            },
        ]
    }

    static var upkeep: [StoreCase] {
        [
            StoreCase("retention spares open deliveries") { trial in
                let message = trial.message(of: [trial.mail(), trial.mail(dueAt: trial.at(50))])
                try await trial.accept(message)
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.accepted(at: trial.at(1))])
                try expectEqual(
                    try await trial.store.purge(settledBefore: trial.day(2), eventsBefore: trial.day(2), limit: 10), 0, "nothing goes")
                try expectEqual(
                    try await trial.store.message(message.id, organizationID: .first).count, 2, "a message stays whole while it is open")
                let waiting = try await trial.claimOne(at: trial.at(50)).delivery
                try expectEqual(waiting.id, message.deliveries[1].id, "and what waits is sent at its time")
            },
            StoreCase("retention removes what was settled before, with all that belongs to it") { trial in
                let old = try await trial.accept(trial.message(of: [trial.mail()], key: "k"))[0]
                _ = try await trial.store.settle([try await trial.claimOne().accepted(at: trial.at(1))])
                var later = trial.message(of: [trial.mail(dueAt: trial.day(2))])
                later.createdAt = trial.day(2)
                let fresh = try await trial.accept(later)[0]
                _ = try await trial.store.settle([try await trial.claimOne(at: trial.day(2)).accepted(at: trial.day(2))])
                let purged = try await trial.store.purge(settledBefore: trial.day(2), eventsBefore: trial.day(2), limit: 10)
                try expectEqual(purged, 1, "one goes")
                try expectEqual(try await trial.store.delivery(old.id, organizationID: nil), nil, "the old one")
                try expectEqual(try await trial.store.content(of: old.id), nil, "with its content")
                try expectEqual(try await trial.store.attempts(of: old.id), [], "and its attempts")
                try expectEqual(try await trial.read(fresh.id).state, .succeeded, "the other stays")
                try await trial.accept(trial.message(of: [trial.mail()], key: "k"))
            },
            StoreCase("retention goes in batches, or in days") { trial in
                for _ in 0..<5 { try await trial.accept(trial.mail()) }
                _ = try await trial.store.settle(try await trial.claim().deliveries.map { $0.accepted(at: trial.at(1)) })
                var purged: [Int] = []
                for _ in 0..<4 {
                    purged.append(try await trial.store.purge(settledBefore: trial.day(2), eventsBefore: trial.day(2), limit: 2))
                }
                let expected = trial.harness.capabilities.removesWholeDays ? [5, 0, 0, 0] : [2, 2, 1, 0]
                try expectEqual(purged, expected, "no more than the limit at once, or a day at once")
            },
            StoreCase("a store that works can be written to") { trial in
                try await trial.store.checkWritable()
                try expect(try await trial.store.migrations().allSatisfy { $0.state == .applied }, "its schema is up to date")
            },
            StoreCase("a closed store is unavailable") { trial in
                await trial.store.close()
                do {
                    _ = try await trial.store.accept([trial.message(of: [trial.mail()])])
                    try expect(false, "it accepts nothing")
                } catch let error as StoreError {
                    try expectEqual(error, .unavailable, "and says so")
                }
            },
        ]
    }
}
