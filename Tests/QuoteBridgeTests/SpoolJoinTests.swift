import AdapterContract
import AdapterKit
import GatewayModel
import GatewayTestKit
import QuoteBridge
import SQLiteStore
import Signing
import Testing
import WorkflowEngine

/// Mails go out while the main store is away, and everything is in it afterwards, once.
@Suite(.timeLimit(.minutes(2))) struct SpoolJoinTests {
    private static let sent = DecisionTable.quoteSent
    private static let accepted = DecisionTable.quoteAccepted

    @Test("case 24: enqueue fails: one legacy proposal, delivered although the main store is down") func case24() async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.setWorkflow([step(Self.sent), step(Self.sent, .whatsapp)])
            try await trial.goAway()
            let answer = try await trial.publish(Self.sent)
            #expect(answer.words == ["email lead legacy enqueue_failed", "whatsapp lead deferred enqueue_failed"])
            try await trial.dispatch(changes: 1)
            let call = try #require(trial.bench.mail.calls.first)
            #expect(trial.bench.mail.calls.count == 1 && call.mail?.recipients == ["jan@klant.example"])
            let text = String(decoding: call.mail?.data ?? [], as: UTF8.self)
            #expect(text.contains(answer.decisions[0].deliveryIDs[0].description))
            try await trial.comeBack()
            let stored = try await trial.bench.deliveries()
            let mail = try #require(stored.first { $0.endpoint.channel == .email })
            #expect(stored.count == 2 && mail.state == .succeeded && mail.origin == .legacy && mail.flags.isEmpty)
            #expect(try await trial.bench.store.attempts(of: mail.id).map(\.outcome) == [.accepted])
            #expect(stored.contains { $0.endpoint.channel == .whatsapp && $0.state == .pending && $0.origin == .workflow })
            #expect(try await trial.bench.store.counts(at: trial.bench.clock.now, organizationID: nil).unaccounted == 0)
            let again = try await trial.publish(Self.sent, ["eventId": .string(answer.eventID.description)])
            #expect(again.isDuplicate && again.publicToken == answer.publicToken && trial.spool.status.joined == 1)
            let activities = try await trial.bench.store.activities(
                of: try #require(answer.quoteID), organizationID: trial.bench.organizationID, after: nil, limit: 10)
            #expect(activities.map(\.eventType) == ["quote_sent"])
        }
    }

    @Test("cases 25 and 26: the same for thank-you and agent mail") func cases25and26() async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.setWorkflow([step(Self.accepted), step(Self.accepted, .email, .partner), step(Self.accepted, .whatsapp)])
            try await trial.goAway()
            let answer = try await trial.publish(Self.accepted, ["signatureName": "Jan"])
            #expect(
                answer.words == [
                    "email lead legacy enqueue_failed", "whatsapp lead deferred enqueue_failed", "email partner legacy enqueue_failed",
                ])
            try await trial.dispatch(changes: 2)
            #expect(Set(trial.bench.mail.calls.compactMap { $0.mail?.recipients.first }) == ["jan@klant.example", "anna@dak.example"])
            try await trial.comeBack()
            let stored = try await trial.bench.deliveries()
            #expect(stored.count == 3 && stored.count { $0.state == .succeeded } == 2)
            let quote = try await trial.bench.store.quote(try #require(answer.quoteID), organizationID: trial.bench.organizationID)
            #expect(quote?.state == .accepted)
        }
    }

    @Test("case 31: mails of the spool ask the mirror before they go out") func case31() async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            try await trial.publish(Self.sent)
            // The mirror is brought up to date while the mail waits.
            try await trial.bench.suppress("jan@klant.example", .email, .unsubscribe)
            try await trial.mirror()
            try await trial.dispatch(changes: 1)
            #expect(trial.bench.mail.calls.isEmpty)
            try await trial.comeBack()
            #expect(try await trial.bench.deliveries().map(\.state) == [.suppressed])
        }
    }

    @Test("a commit whose answer was lost waits, and what stands in the store wins", arguments: [true, false])
    func lostAnswer(isWritten: Bool) async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.setWorkflow([step(Self.sent)])
            try await trial.goAway(.commitLost(isWritten: isWritten))
            let answer = try await trial.publish(Self.sent, ["eventId": "evt-1"])
            #expect(answer.words == ["email lead deferred enqueue_failed", "whatsapp lead deferred enqueue_failed"])
            // Told again while the store is certainly away, it is the same event and still waits.
            let again = try await trial.publish(Self.sent, ["eventId": "evt-1"])
            #expect(again.isDuplicate && again.words == answer.words)
            try await trial.comeBack()
            let stored = try await trial.bench.deliveries()
            #expect(stored.map(\.origin) == [.workflow] && stored.map(\.state) == [.pending])
            #expect(trial.bench.mail.calls.isEmpty && trial.spool.status.duplicates == 0)
        }
    }

    @Test func aMailThatIsTriedAgainGoesOnInTheMainStore() async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            try await trial.publish(Self.sent)
            let events = try await trial.file.spooledEvents(limit: 10)
            let id = try #require(events.first?.decisions.first?.deliveryIDs.first)
            let claim = try await trial.file.store.claim(
                ClaimRequest(channel: .email, limit: 1, now: trial.bench.clock.now, leaseUntil: trial.bench.clock.now + .seconds(60)))
            let claimed = try #require(claim.deliveries.first)
            #expect(claimed.delivery.id == id)
            // While it is being sent it stays where it is.
            trial.main.set(nil)
            #expect(try await trial.bridge.joinSpooled(into: trial.bench.store, tokens: trial.tokens))
            #expect(try await trial.bench.deliveries().isEmpty)
            let now = trial.bench.clock.now
            let failure = DeliveryFailure(.timeout, "no answer")
            let change = DeliveryChange(
                state: .pending, dueAt: now + .seconds(60), attemptCount: 1, recordedAttempts: 1, claimCount: 0, flags: [],
                lastError: failure, updatedAt: now)
            let attempt = Attempt(number: 1, startedAt: now, endedAt: now, outcome: .deferred, counted: true, failure: failure)
            let settled = try await trial.file.store.settle([
                Settlement(deliveryID: id, token: claimed.token, change: change, attempt: attempt)
            ])
            #expect(settled == [id])
            try await trial.comeBack()
            let stored = try #require(try await trial.bench.deliveries().first)
            #expect(stored.state == .pending && stored.attemptCount == 1 && stored.dueAt == now + .seconds(60))
            #expect(try await trial.bench.store.attempts(of: id) == [attempt])
            let due = try await trial.bench.store.claim(
                ClaimRequest(channel: .email, limit: 1, now: now + .seconds(60), leaseUntil: now + .seconds(120)))
            #expect(due.deliveries.map(\.delivery.id) == [id])
            #expect(try await trial.file.spooledCount() == 0)
        }
    }

    @Test("joining is broken off anywhere and begun anew", arguments: [WatchedStore.Call.apply, .attempts, .delivery], [true, false])
    func brokenOff(call: WatchedStore.Call, isWritten: Bool) async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            try await trial.publish(Self.sent)
            try await trial.dispatch(changes: 1)
            trial.main.set(nil)
            let watched = WatchedStore(trial.bench.store)
            watched.fail(call, isWritten ? .after(.outcomeUnknown) : .before(.unavailable))
            await #expect(throws: BridgeError.self) { try await trial.bridge.joinSpooled(into: watched, tokens: trial.tokens) }
            // What is half there is not sent from there, nor from here.
            let due = ClaimRequest(channel: .email, limit: 9, now: trial.bench.clock.now, leaseUntil: trial.bench.clock.now + .seconds(60))
            #expect(try await trial.bench.store.claim(due).deliveries.isEmpty)
            #expect(try await trial.file.store.claim(due).deliveries.isEmpty)
            try await trial.comeBack()
            let stored = try await trial.bench.deliveries()
            #expect(stored.map(\.state) == [.succeeded] && stored[0].flags.isEmpty && stored[0].attemptCount == 1)
            #expect(try await trial.bench.store.attempts(of: stored[0].id).count == 1 && trial.spool.status.duplicates == 0)
        }
    }

    @Test func whatCertainlyDidNotJoinGoesOnHere() async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            try await trial.publish(Self.sent)
            // The store can be asked, and is gone again before it is written to.
            await #expect(throws: BridgeError.store(.unavailable)) {
                try await trial.bridge.joinSpooled(into: trial.bench.store, tokens: trial.tokens)
            }
            try await trial.dispatch(changes: 1)
            #expect(trial.bench.mail.calls.count == 1)
            try await trial.comeBack()
            // Whether this one joined nobody can tell: it is not sent until the store says so.
            try await trial.goAway()
            try await trial.publish(Self.sent, ["quoteId": "q-2"])
            trial.main.set(.commitLost(isWritten: false))
            await #expect(throws: BridgeError.store(.outcomeUnknown)) {
                try await trial.bridge.joinSpooled(into: trial.bench.store, tokens: trial.tokens)
            }
            await #expect(throws: BridgeError.store(.unavailable)) {
                try await trial.bridge.joinSpooled(into: trial.bench.store, tokens: trial.tokens)
            }
            let due = ClaimRequest(channel: .email, limit: 9, now: trial.bench.clock.now, leaseUntil: trial.bench.clock.now + .seconds(60))
            #expect(try await trial.file.store.claim(due).deliveries.isEmpty)
            try await trial.comeBack()
            #expect(try await trial.bench.store.claim(due).deliveries.count == 1 && trial.bench.mail.calls.count == 1)
        }
    }

    @Test func theSameEventAtTwoNodesIsOneDeliveryWithBothTries() async throws {
        try await SpoolTrial.with { first in
            try await first.withSecond { second in
                try await first.goAway()
                try await second.goAway()
                var answers: [PublishAnswer] = []
                for node in [first, second] {
                    answers.append(try await node.publish(Self.sent, ["eventId": "evt-1"]))
                    try await node.dispatch(changes: 1)
                    node.bench.clock.advance(by: .seconds(1))
                }
                #expect(answers[0].decisions.map(\.id) == answers[1].decisions.map(\.id))
                #expect(answers[0].publicToken == answers[1].publicToken && answers[0].publicToken != nil)
                for node in [first, second] { try await node.comeBack() }
                let stored = try await first.bench.deliveries()
                #expect(stored.count == 1 && stored[0].flags == [.possibleDuplicate] && stored[0].attemptCount == 2)
                #expect(try await first.bench.store.attempts(of: stored[0].id).map(\.number) == [1, 2])
                #expect(first.spool.status.duplicates == 0 && second.spool.status.duplicates == 1)
                let audit = try await first.bench.store.audit(AuditQuery(organizationID: first.bench.organizationID)).elements
                #expect(audit.contains { $0.action == "spool.duplicate" })
                #expect(try await first.bench.store.counts(at: first.bench.clock.now, organizationID: nil).unaccounted == 0)
            }
        }
    }

    @Test func ofTwoNodesTheOneThatSentNothingSendsNothing() async throws {
        try await SpoolTrial.with { first in
            try await first.withSecond { second in
                try await first.goAway()
                try await second.goAway()
                for node in [first, second] { try await node.publish(Self.sent, ["eventId": "evt-1"]) }
                try await second.dispatch(changes: 1)
                for node in [first, second] { try await node.comeBack() }
                let stored = try await first.bench.deliveries()
                #expect(stored.map(\.state) == [.succeeded] && stored[0].flags.isEmpty)
                let due = try await first.bench.store.claim(
                    ClaimRequest(channel: .email, limit: 1, now: first.bench.clock.now, leaseUntil: first.bench.clock.now + .seconds(60)))
                #expect(due.deliveries.isEmpty && second.spool.status.duplicates == 0)
            }
        }
    }

    @Test func anEventThatWasDecidedInTheStoreMeanwhileKeepsItsDecisions() async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.setWorkflow([step(Self.sent)])
            try await trial.goAway()
            try await trial.publish(Self.sent, ["eventId": "evt-1"])
            try await trial.dispatch(changes: 1)
            // Another node takes it while the store is there.
            let other = try await trial.bench.publish(Self.sent, ["eventId": "evt-1"])
            #expect(other.words[0] == "email lead enqueued rule_enabled")
            try await trial.comeBack()
            let stored = try await trial.bench.deliveries()
            #expect(stored.count == 2 && trial.spool.status.duplicates == 1)
            #expect(stored.first { $0.origin == .legacy }?.flags == [.possibleDuplicate])
            #expect(try await trial.bench.event(other.eventID) != nil)
        }
    }

    @Test("case 38: an acceptance that comes after a sent quote in the same outage finds it, and they join in their order")
    func acceptanceAfterSent() async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.setWorkflow([step(Self.sent, .whatsapp, delay: 60), step(Self.accepted)])
            try await trial.goAway()
            try await trial.publish(Self.sent)
            // What the spool remembers of the quote completes the event.
            let answer = try await trial.publish(Self.accepted, ["signatureName": "Jan"], over: BridgeBench.known)
            #expect(answer.words[0] == "email lead legacy enqueue_failed")
            await #expect(throws: BridgeError.alreadyClosed(.accepted)) { try await trial.publish(Self.accepted) }
            try await trial.comeBack()
            let reminder = try await trial.bench.deliveries { $0.channel = .whatsapp }
            #expect(reminder.map(\.state) == [.cancelled] && reminder.map(\.reason) == [.superseded])
            #expect(try await trial.bench.deliveries { $0.trigger = Self.accepted }.allSatisfy { $0.state == .pending })
        }
    }

    @Test func whatTheStoreWouldHaveRefusedIsRecordedAndChangesNothing() async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.setWorkflow([step(Self.accepted, .whatsapp)])
            try await trial.publish(Self.sent)
            try await trial.publish(DecisionTable.quoteRejected, over: BridgeBench.known)
            try await trial.goAway()
            let answer = try await trial.publish(Self.accepted)
            #expect(answer.words[1] == "whatsapp lead deferred enqueue_failed")
            try await trial.comeBack()
            let quote = try await trial.bench.store.quote(try #require(answer.quoteID), organizationID: trial.bench.organizationID)
            #expect(quote?.state == .rejected && quote?.acceptedAt == nil)
            let decisions = try await trial.bench.store.event(answer.eventID, organizationID: trial.bench.organizationID)?.1 ?? []
            #expect(decisions.contains { $0.outcome == .suppressed && $0.reason == .superseded })
            #expect(try await trial.bench.deliveries { $0.channel = .whatsapp }.isEmpty)
        }
    }

    @Test func whileEarlierEventsOfAQuoteWaitALaterOneWaitsBehindThem() async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            try await trial.publish(Self.sent)
            trial.main.set(nil)
            let later = try await trial.publish(Self.accepted, over: BridgeBench.known)
            #expect(later.words.allSatisfy { $0.hasSuffix("deferred enqueue_failed") })
            #expect(try await trial.publish(Self.sent, ["quoteId": "q-2"]).words[0] == "email lead legacy rule_not_found")
            try await trial.comeBack()
            #expect(try await trial.bench.deliveries { $0.trigger = Self.accepted }.count == 2)
        }
    }

    @Test(
        "a resend during an outage names a token of its own, which goes on leading to the quote",
        arguments: [nil, "eigen-link-van-de-klant-0001"])
    func resentInAnOutage(given: String?) async throws {
        try await SpoolTrial.with { trial in
            let first = try await trial.publish(Self.sent, given.map { ["publicToken": .string($0)] } ?? [:])
            try await trial.goAway()
            let again = try await trial.publish(Self.sent)
            let token = try #require(again.publicToken)
            #expect(token != first.publicToken && again.words[0] == "email lead legacy enqueue_failed")
            try await trial.comeBack()
            #expect(trial.tokens.all == [SHA256.digest(Array(token.utf8)): try #require(first.quoteID)])
            let quote = try await trial.bench.store.quote(try #require(first.quoteID), organizationID: trial.bench.organizationID)
            #expect(quote?.tokenHash == SHA256.digest(Array(try #require(first.publicToken).utf8)))
        }
    }

    @Test func aQuoteThatIsNewInAnOutageHasOneToken() async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            try await trial.publish(Self.sent)
            try await trial.comeBack()
            #expect(trial.tokens.all.isEmpty)
        }
    }

    @Test func aStoreThatWasSilentToOneIsNotWaitedForByOthers() async throws {
        // With no patience at all every failure took too long.
        try await SpoolTrial.with(spooling: SpoolConfiguration(patience: .zero)) { trial in
            try await trial.goAway()
            #expect(!trial.spool.patience.isExhausted)
            try await trial.publish(Self.sent)
            #expect(trial.spool.patience.isExhausted && trial.spool.status.taken == 1)
            trial.main.set(nil)
            try await trial.publish(Self.sent, ["quoteId": "q-2"])
            #expect(trial.spool.status.taken == 2)
            await #expect(throws: StoreError.unavailable) {
                try await trial.bridge.asking { () async throws(StoreError) in Issue.record("The store was asked.") }
            }
            await trial.spool.patience.probe { () async throws(StoreError) in throw .unavailable }
            #expect(trial.spool.patience.isExhausted)
            await trial.spool.patience.probe { () async throws(StoreError) in }
            #expect(!trial.spool.patience.isExhausted)
            try await trial.comeBack()
            try await trial.publish(Self.sent, ["quoteId": "q-3"])
            #expect(trial.spool.status.taken == 2 && trial.spool.status.joined == 2)
        }
    }

    @Test func aSuppressionThatTheSpoolFoundReachesTheStore() async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            let found = Suppression(
                id: .make(), organizationID: trial.bench.organizationID, endpoint: Endpoint(channel: .email, address: "weg@klant.example"),
                scope: .organization, reason: .hardBounce, actor: "system", createdAt: trial.bench.clock.now)
            _ = try await trial.file.store.suppress(found, audit: nil)
            #expect(try await trial.file.ownSuppressions() == [found])
            try await trial.mirror()
            #expect(try await trial.file.ownSuppressions().isEmpty)
            for store in [trial.bench.store, trial.file.store] {
                #expect(try await store.suppressions(SuppressionQuery()).elements.map(\.id) == [found.id])
            }
        }
    }

    @Test func withoutTheSpoolNothingIsTaken() async throws {
        try await SpoolTrial.with { trial in
            try await trial.goAway()
            await trial.file.close()
            await #expect(throws: BridgeError.store(.unavailable)) { try await trial.publish(Self.sent) }
            #expect(trial.spool.status.taken == 0 && trial.bench.mail.calls.isEmpty)
        }
    }

    @Test func acceptingByTheLinkNeedsTheStore() async throws {
        try await SpoolTrial.with { trial in
            let token = try #require(try await trial.publish(Self.sent).publicToken)
            try await trial.goAway()
            await #expect(throws: BridgeError.store(.unavailable)) {
                try await trial.bridge.close(publicToken: token, as: Self.accepted, ["signatureName": "Jan"])
            }
            trial.main.set(.commitLost(isWritten: false))
            await #expect(throws: BridgeError.store(.outcomeUnknown)) {
                try await trial.bridge.close(publicToken: token, as: Self.accepted, ["signatureName": "Jan"])
            }
            #expect(trial.spool.status.taken == 0)
        }
    }
}
