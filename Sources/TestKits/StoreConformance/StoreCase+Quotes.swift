import AdapterKit
import GatewayModel

extension StoreCase {
    static var quotes: [StoreCase] {
        [
            StoreCase("an event is written with everything it changes") { trial in
                var commit = try trial.commit()
                let new = trial.mail()
                commit.messages = [trial.message(of: [new])]
                commit.decisions[0].deliveryIDs = [new.id]
                commit.quoteFiles = [
                    QuoteFile(
                        quoteID: try trial.quoteID,
                        attachment: Attachment(filename: "q.pdf", contentType: "application/pdf", bytes: [0, 1, 2]))
                ]
                commit.lead = Lead(id: try require(LeadID("l-1"), "a lead id"), source: "web")
                commit.activities = [try trial.activity()]
                try expectEqual(try await trial.store.commit(commit), .committed, "it is written")
                let after = try await trial.reopened()
                let (event, decisions) = try require(
                    try await after.store.event(commit.event.id, organizationID: .first), "the event is kept")
                try expectEqual(event, commit.event, "the event")
                try expectEqual(decisions, commit.decisions, "its decisions")
                try expectEqual(try await after.store.decision(for: new.id), commit.decisions[0], "found by the delivery")
                var quote = try require(commit.quote, "a quote")
                quote.revision = 1
                try expectEqual(try await after.store.quote(quote.id, organizationID: .first), quote, "the quote, one revision on")
                try expectEqual(try await after.store.quote(tokenHash: [7, 7]), quote, "found by its token")
                try expectEqual(try await after.store.files(of: quote.id, organizationID: .first), commit.quoteFiles, "its files")
                try expectEqual(
                    try await after.store.activities(of: quote.id, organizationID: .first, after: nil, limit: 9), commit.activities,
                    "its history")
                try expectEqual(
                    try await after.store.lead(try require(LeadID("l-1"), "id"), organizationID: .first)?.source, "web", "the lead")
                try expectEqual(try await after.claimOne().delivery.id, new.id, "and the delivery")
                await after.store.close()
            },
            StoreCase("an event is accepted once") { trial in
                let commit = try trial.commit()
                _ = try await trial.store.commit(commit)
                var again = commit
                again.messages = [trial.message(of: [trial.mail()])]
                again.decisions = []
                try expectEqual(
                    try await trial.store.commit(again), .duplicate(commit.event, commit.decisions), "a repeat answers what was stored")
                try expectEqual(try await trial.claim().deliveries, [], "and sends nothing")
                again.event.bodyHash = [9]
                try expectEqual(try await trial.store.commit(again), .bodyConflict, "another body is refused")
            },
            StoreCase("20 concurrent commits of one event give one") { trial in
                let commit = try trial.commit()
                let committed = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<20 { group.addTask { try await trial.store.commit(commit) == .committed } }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                try expectEqual(committed, 1, "one is written, the others repeat")
            },
            StoreCase("a quote that changed since it was read refuses the event whole") { trial in
                _ = try await trial.store.commit(try trial.commit())
                var late = try trial.commit()
                late.messages = [trial.message(of: [trial.mail()])]
                try expectEqual(try await trial.store.commit(late), .quoteChanged, "it was read before there was a quote")
                try expect(try await trial.store.event(late.event.id, organizationID: .first) == nil, "the event is not kept")
                try expectEqual(try await trial.claim().deliveries, [], "nothing is sent")
                late.quote?.revision = 1
                try expectEqual(try await trial.store.commit(late), .committed, "read again, it is written")
                try expectEqual(try await trial.store.quote(try trial.quoteID, organizationID: .first)?.revision, 2, "one revision on")
            },
            StoreCase("a public token belongs to one quote") { trial in
                _ = try await trial.store.commit(try trial.commit())
                var other = try trial.commit()
                other.quote?.id = try require(QuoteID("q-2"), "a quote id")
                try expectEqual(try await trial.store.commit(other), .tokenConflict, "it is taken")
                try expect(try await trial.store.event(other.event.id, organizationID: .first) == nil, "nothing is written")
            },
            StoreCase("an event supersedes what waits untried") { trial in
                func step(delayed: Bool, _ quote: String = "q-1") throws -> NewDelivery {
                    var new = trial.mail(dueAt: trial.at(delayed ? 500 : 0))
                    new.quoteID = QuoteID(quote)
                    new.isDelayedStep = delayed
                    return new
                }
                let immediate = try await trial.accept(try step(delayed: false))
                let reminder = try await trial.accept(try step(delayed: true))
                let other = try await trial.accept(try step(delayed: true, "q-2"))
                var commit = try trial.commit()
                let new = try step(delayed: true)
                commit.messages = [trial.message(of: [new])]
                commit.supersedes = Supersession(quoteID: try trial.quoteID, at: trial.at(3))
                _ = try await trial.store.commit(commit)
                try expectEqual(try await trial.read(reminder.id).state, .cancelled, "the reminder is cancelled")
                try expectEqual(try await trial.read(reminder.id).reason, .superseded, "with its reason")
                try expectEqual(try await trial.read(immediate.id).state, .pending, "what was not delayed goes on")
                try expectEqual(try await trial.read(other.id).state, .pending, "so does another quote's")
                try expectEqual(try await trial.read(new.id).state, .pending, "and what the event itself brings")
            },
            StoreCase("what is claimed and has not begun is superseded") { trial in
                let new = try await trial.acceptReminder()
                let claimed = try await trial.claimOne()
                try await trial.supersede()
                try expectEqual(try await trial.store.markTransmitting([claimed.reference], at: trial.at(4)), [], "it cannot begin")
                try expectEqual(try await trial.store.settle([claimed.accepted(at: trial.at(4))]), [], "nor be settled")
                try expectEqual(try await trial.read(new.id).reason, .superseded, "it is cancelled")
                try expectEqual(try await trial.store.expiredLeases(at: trial.at(9999), limit: 9), [], "its lease is gone")
            },
            StoreCase("what is being sent is not superseded") { trial in
                let new = try await trial.acceptReminder()
                let claimed = try await trial.claimOne()
                _ = try await trial.store.markTransmitting([claimed.reference], at: trial.at(2))
                try await trial.supersede()
                try expectEqual(try await trial.store.settle([claimed.accepted(at: trial.at(4))]), [new.id], "its settlement counts")
            },
            StoreCase("a repeated message in an event is a repeat") { trial in
                try await trial.accept(trial.message(of: [trial.mail()], key: "k"))
                var commit = try trial.commit()
                commit.messages = [trial.message(of: [trial.mail()], key: "k")]
                try expectEqual(try await trial.store.commit(commit), .committed, "the event is written")
                try expectEqual(try await trial.claim().deliveries.count, 1, "the message is not sent twice")
            },
            StoreCase("deferred decisions are planned once") { trial in
                var commit = try trial.commit()
                commit.event.isPlanned = false
                commit.decisions[0].outcome = .deferred
                _ = try await trial.store.commit(commit)
                try expectEqual(try await trial.store.unplannedEvents(after: nil, limit: 9), [commit.event], "it waits")
                let new = trial.mail()
                var decision = commit.decisions[0]
                decision.id = .make()
                decision.outcome = .enqueued
                decision.deliveryIDs = [new.id]
                let retry = PlannedRetry(
                    eventID: commit.event.id, organizationID: .first, decisions: [decision], messages: [trial.message(of: [new])],
                    isPlanned: true)
                try expect(try await trial.store.plan(retry), "it is planned")
                try expect(!(try await trial.store.plan(retry)), "once")
                try expectEqual(try await trial.store.unplannedEvents(after: nil, limit: 9), [], "it waits no more")
                try expectEqual(
                    try await trial.store.event(commit.event.id, organizationID: .first)?.1, [decision], "the decision is replaced")
                try expectEqual(try await trial.claimOne().delivery.id, new.id, "and carried out")
            },
            StoreCase("events that wait are listed page by page, the oldest first") { trial in
                var waiting: [StoredEvent] = []
                for second: Int64 in [2, 0, 1, 1] {
                    var commit = try trial.commit(at: second)
                    commit.event.isPlanned = false
                    commit.decisions[0].outcome = .deferred
                    commit.quote = nil
                    _ = try await trial.store.commit(commit)
                    waiting.append(commit.event)
                }
                waiting.sort { ($0.acceptedAt, $0.id) < ($1.acceptedAt, $1.id) }
                try expectEqual(try await trial.store.unplannedEvents(after: nil, limit: 2), Array(waiting[..<2]), "the first page")
                try expectEqual(try await trial.store.unplannedEvents(after: waiting[1], limit: 9), Array(waiting[2...]), "the rest")
                try expectEqual(try await trial.store.unplannedEvents(after: waiting[3], limit: 9), [], "and no more")
            },
            StoreCase("the first look at a quote is recorded once") { trial in
                _ = try await trial.store.commit(try trial.commit())
                func look(_ seconds: Int64) async throws -> Bool {
                    try await trial.store.recordView(
                        try trial.quoteID, organizationID: .first, at: trial.at(seconds), activity: try trial.activity())
                }
                try expect(try await look(5), "the first look")
                try expect(!(try await look(6)), "not the second")
                try expectEqual(
                    try await trial.store.quote(try trial.quoteID, organizationID: .first)?.viewedAt, trial.at(5), "at its time")
                let activities = try await trial.store.activities(of: try trial.quoteID, organizationID: .first, after: nil, limit: 9)
                try expectEqual(activities.count, 1, "in the history once")
            },
            StoreCase("a quote's history is read oldest first, from where one left off") { trial in
                var commit = try trial.commit()
                commit.activities = try (0..<4).map { _ in try trial.activity() }
                _ = try await trial.store.commit(commit)
                let ids = commit.activities.map(\.id)
                let first = try await trial.store.activities(of: try trial.quoteID, organizationID: .first, after: nil, limit: 3)
                try expectEqual(first.map(\.id), Array(ids.prefix(3)), "oldest first")
                let rest = try await trial.store.activities(of: try trial.quoteID, organizationID: .first, after: ids[2], limit: 3)
                try expectEqual(rest.map(\.id), [ids[3]], "then what follows")
            },
            StoreCase("a quote's history runs in the order in which it was written") { trial in
                let early = try trial.activity()
                var commit = try trial.commit()
                commit.activities = [try trial.activity()]
                _ = try await trial.store.commit(commit)
                _ = try await trial.store.recordView(try trial.quoteID, organizationID: .first, at: trial.at(5), activity: early)
                let last = commit.activities[0].id
                let news = try await trial.store.activities(of: try trial.quoteID, organizationID: .first, after: last, limit: 9)
                try expectEqual(
                    news.map(\.createdAt), [early.createdAt], "what was written later comes later, although its id was made before")
            },
            StoreCase("events are listed newest first with their decisions") { trial in
                var events: [EventID] = []
                for second in 0..<3 as Range<Int64> {
                    var commit = try trial.commit(at: second)
                    commit.quote = nil
                    _ = try await trial.store.commit(commit)
                    events.append(commit.event.id)
                }
                let page = try await trial.store.events(EventQuery(organizationID: .first, quoteID: try trial.quoteID, limit: 2))
                try expectEqual(page.elements.map(\.0.id), [events[2], events[1]], "newest first")
                try expectEqual(page.elements[0].1.count, 1, "with their decisions")
                let rest = try await trial.store.events(EventQuery(organizationID: .first, limit: 2, after: page.next))
                try expectEqual(rest.elements.map(\.0.id), [events[0]], "then the rest")
                try expectEqual(try await trial.store.events(EventQuery(organizationID: .second)).elements.count, 0, "none of another's")
            },
            StoreCase("retention spares events with open deliveries, and unplanned ones") { trial in
                var open = try trial.commit()
                open.quote = nil
                var new = trial.mail(dueAt: trial.at(500))
                new.eventID = open.event.id
                open.messages = [trial.message(of: [new])]
                var unplanned = try trial.commit()
                unplanned.quote = nil
                unplanned.event.isPlanned = false
                var done = try trial.commit()
                done.quote = nil
                for commit in [open, unplanned, done] { _ = try await trial.store.commit(commit) }
                try expectEqual(
                    try await trial.store.purge(settledBefore: trial.start, eventsBefore: trial.day(2), limit: 9), 1, "one goes")
                try expect(try await trial.store.event(done.event.id, organizationID: .first) == nil, "the one that is done")
                try expect(try await trial.store.event(open.event.id, organizationID: .first) != nil, "the open one stays")
                try expect(try await trial.store.event(unplanned.event.id, organizationID: .first) != nil, "so does the unplanned one")
            },
        ]
    }
}

extension StoreTrial {
    fileprivate var quoteID: QuoteID { get throws { try require(QuoteID("q-1"), "a quote id") } }

    fileprivate func activity() throws -> Activity {
        Activity(
            id: .make(), organizationID: .first, quoteID: try quoteID, eventType: "quote_sent", message: "Sent", metadata: ["a": 1],
            createdAt: start)
    }

    /// Accepts a step of the quote that had a delay and is due by now.
    fileprivate func acceptReminder() async throws -> NewDelivery {
        var new = mail()
        new.quoteID = try quoteID
        new.isDelayedStep = true
        try await accept(new)
        return new
    }

    /// An event that closes the quote comes in.
    fileprivate func supersede() async throws {
        var commit = try commit()
        commit.supersedes = Supersession(quoteID: try quoteID, at: at(3))
        _ = try await store.commit(commit)
    }

    /// An event of a new quote, with one decision.
    fileprivate func commit(at second: Int64 = 0) throws -> EventCommit {
        let event = StoredEvent(
            id: .make(), organizationID: .first, trigger: "quote_sent", quoteID: try quoteID, leadID: LeadID("l-1"), payload: [123, 125],
            bodyHash: [1, 2], apiKeyID: .make(), acceptedAt: at(second))
        let decision = Decision(
            id: .make(), eventID: event.id, organizationID: .first, trigger: "quote_sent", channel: .email, audience: .lead,
            outcome: .enqueued, reason: .ruleEnabled, workflowID: .make(), workflowKey: "default", workflowVersion: 3, stepID: .make(),
            resolutionSource: .autoRule, matchedRuleID: .make(), inputs: ["lead": "l-1"], createdAt: at(second))
        let quote = Quote(
            id: try quoteID, organizationID: .first, state: .sent, number: "2026-1", leadID: LeadID("l-1"), tokenHash: [7, 7],
            sealedToken: [8], totalCents: 12_300, validUntil: at(9999), fields: ["customer": "x"], sentAt: at(second),
            sentApiKeyID: .make(),
            createdAt: start, updatedAt: at(second))
        return EventCommit(event: event, decisions: [decision], quote: quote)
    }
}
