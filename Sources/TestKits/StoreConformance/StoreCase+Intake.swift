import AdapterKit
import GatewayModel

extension StoreCase {
    static var intake: [StoreCase] {
        [
            StoreCase("what was accepted is there after a kill") { trial in
                let delivery = try await trial.accept(trial.mail())
                let after = try await trial.reopened()
                try expectEqual(try await after.read(delivery.id), delivery, "the delivery reads back as it was accepted")
                await after.store.close()
            },
            StoreCase("one key yields one message") { trial in
                let message = trial.message(of: [trial.mail()], key: "k")
                let first = try await trial.accept(message)
                let again = trial.message(of: [trial.mail()], key: "k")
                try expectEqual(try await trial.store.accept([again]), [.duplicate(message.id, first)], "a repeat answers what was stored")
                let page = try await trial.store.deliveries(DeliveryQuery(organizationID: .first, now: trial.start))
                try expectEqual(page.elements.map(\.id), first.map(\.id), "a repeat stores nothing")
            },
            StoreCase("one key for another body is a conflict") { trial in
                try await trial.accept(trial.message(of: [trial.mail()], key: "k", hash: [1]))
                let other = trial.message(of: [trial.mail()], key: "k", hash: [2])
                try expectEqual(try await trial.store.accept([other]), [.conflict], "another body is refused")
            },
            StoreCase("one key twice in a call counts as a repeat") { trial in
                let message = trial.message(of: [trial.mail()], key: "k")
                let results = try await trial.store.accept([message, trial.message(of: [trial.mail()], key: "k")])
                guard case .created(let deliveries) = results[0] else { return try expect(false, "the first is created") }
                try expectEqual(results[1], .duplicate(message.id, deliveries), "the second repeats the first")
            },
            StoreCase("a conflict does not hinder the messages beside it") { trial in
                try await trial.accept(trial.message(of: [trial.mail()], key: "k", hash: [1]))
                let results = try await trial.store.accept([
                    trial.message(of: [trial.mail()], key: "k", hash: [2]), trial.message(of: [trial.mail()], key: "other"),
                ])
                try expectEqual(results[0], .conflict, "the first is refused")
                guard case .created = results[1] else { return try expect(false, "the second is created") }
            },
            StoreCase("a key belongs to its organization") { trial in
                try await trial.accept(trial.message(of: [trial.mail()], for: .first, key: "k"))
                try await trial.accept(trial.message(of: [trial.mail()], for: .second, key: "k"))
            },
            StoreCase("100 concurrent accepts of one key give one message") { trial in
                let created = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<100 {
                        group.addTask {
                            let results = try await trial.store.accept([trial.message(of: [trial.mail()], key: "k")])
                            if case .created = results[0] { return true } else { return false }
                        }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                try expectEqual(created, 1, "one call creates, the others repeat")
            },
            StoreCase("payload bytes round-trip") { trial in
                var delivery = trial.mail()
                delivery.content = RenderedContent(bytes: Array(0...255) + [0, 0, 10])
                try await trial.accept(delivery)
                try expectEqual(try await trial.store.content(of: delivery.id), delivery.content, "the bytes are the same")
                try expectEqual(try await trial.claimOne().content, delivery.content, "the claim has the same bytes")
            },
            StoreCase("every field of a delivery round-trips") { trial in
                var new = trial.mail(dueAt: trial.at(5), orderingKey: "lane")
                new.audience = .partner
                new.trigger = "quote_sent"
                new.eventID = .make()
                new.quoteID = QuoteID("q-1")
                new.leadID = LeadID("l-1")
                new.stepID = .make()
                new.fallbackOf = .make()
                new.isDelayedStep = true
                new.expiresAt = trial.at(7777)
                var message = trial.message(of: [new])
                message.category = .marketing
                message.apiKeyID = .make()
                let delivery = try require(try await trial.accept(message).first, "it is accepted")
                try expectEqual(try await trial.read(delivery.id), delivery, "what is read is what was answered")
                try expectEqual(delivery.apiKeyID, message.apiKeyID, "the key is the message's")
                try expectEqual(delivery.category, .marketing, "the category is the message's")
            },
            StoreCase("what is suppressed at once is stored and never claimed") { trial in
                var new = trial.mail()
                new.suppressed = .addressSuppressed
                let delivery = try await trial.accept(new)
                try expectEqual(delivery.state, .suppressed, "it is suppressed")
                try expectEqual(delivery.reason, .addressSuppressed, "it says why")
                try expect(delivery.settledAt != nil, "it is settled")
                try expectEqual(try await trial.claim().deliveries, [], "nothing is handed out")
            },
        ]
    }
}
