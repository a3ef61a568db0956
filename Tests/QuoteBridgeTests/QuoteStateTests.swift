import AdapterContract
import AdapterKit
import Foundation
import GatewayModel
import GatewayTestKit
import QuoteBridge
import Testing
import WorkflowEngine

/// A quote's way from sent to accepted or rejected, and the token it is found by.
@Suite(.timeLimit(.minutes(1))) struct QuoteStateTests {
    private static let sent = DecisionTable.quoteSent
    private static let accepted = DecisionTable.quoteAccepted
    private static let rejected = DecisionTable.quoteRejected

    private func quote(_ bench: BridgeBench, _ id: String = "q-1") async throws -> Quote {
        let id = try #require(QuoteID(id))
        return try #require(try await bench.store.quote(id, organizationID: bench.organizationID))
    }

    @Test func aClosedQuoteIsClosedOnceAndSentAgainWithoutOpening() async throws {
        try await BridgeBench.with { bench in
            try await bench.publish(Self.sent)
            try await bench.publish(Self.accepted, ["signatureName": "Jan", "eventId": "a"], over: BridgeBench.known)
            #expect(try await bench.publish(Self.accepted, ["signatureName": "Jan", "eventId": "a"], over: BridgeBench.known).isDuplicate)
            for trigger in [Self.accepted, Self.rejected] {
                await #expect(throws: BridgeError.alreadyClosed(.accepted)) { try await bench.publish(trigger, over: BridgeBench.known) }
            }
            #expect(try await bench.publish(Self.sent, over: BridgeBench.known).words.first == "email lead legacy rule_not_found")
            #expect(try await quote(bench).state == .accepted)
            await #expect(throws: BridgeError.alreadyClosed(.rejected)) {
                try await bench.publish(Self.rejected, ["quoteId": "q-2"])
                try await bench.publish(Self.accepted, ["quoteId": "q-2"])
            }
        }
    }

    @Test func aQuoteNeverSeenIsDecidedFromWhatTheEventSays() async throws {
        try await BridgeBench.with { bench in
            let answer = try await bench.publish(
                Self.accepted, ["quoteNumber": "9", "consumerEmail": "a@b.example"], over: BridgeBench.known)
            #expect(answer.words.first == "email lead legacy rule_not_found" && answer.publicToken == nil)
            #expect(try await quote(bench).state == .accepted)
        }
    }

    @Test func aQuoteNeverSeenIsCalledByItsIDWhereNothingSaysItsNumber() async throws {
        try await BridgeBench.with { bench in
            try await bench.publish(Self.accepted, ["consumerEmail": "a@b.example"], over: BridgeBench.known)
            let quote = try await quote(bench)
            #expect(quote.number == quote.id.text)
            let mail = try #require(try await bench.deliveries().first)
            let content = try #require(try await bench.store.content(of: mail.id)).json()
            #expect(content["text"]?.stringValue?.contains(quote.id.text) == true)
        }
    }

    @Test func whatIsKnownMayBeLeftOutAndTheRestMayNot() async throws {
        try await BridgeBench.with { bench in
            let error = await #expect(throws: BridgeError.self) { try await bench.publish(Self.sent, over: BridgeBench.known) }
            guard case .invalid(let faults) = error else { return #expect(Bool(false), "\(String(describing: error))") }
            #expect(faults.list.map(\.path) == ["leadId", "quoteNumber"])
            try await bench.publish(Self.sent)
            try await bench.publish(Self.sent, ["totalCents": 99], over: BridgeBench.known)
            let quote = try await quote(bench)
            #expect(quote.number == "2026-7" && quote.totalCents == 99 && quote.leadID?.text == "l-1")
        }
    }

    @Test func anotherEventOfTheLeadKnowsTheQuoteItNames() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([
                step("quote_question_asked", .whatsapp, body: "{{lead.name}} {{quote.number}} {{links.view}}")
            ])
            let token = try #require(try await bench.publish(Self.sent).publicToken)
            let question: JSONValue = ["subjectId": "q-1", "leadId": "l-1"]
            #expect(try await bench.publish("quote_question_asked", over: question).words == ["whatsapp lead enqueued rule_enabled"])
            let chats = try await bench.deliveries { $0.channel = .whatsapp }
            #expect(try await bench.text(of: try #require(chats.first)) == "Jan de Vries 2026-7 https://portal.example/quote/\(token)")
            #expect(try await quote(bench).state == .sent)
            // Of another lead it is told nothing.
            let stranger: JSONValue = ["subjectId": "q-1", "leadId": "l-2"]
            #expect(try await bench.publish("quote_question_asked", over: stranger).words == ["whatsapp lead none missing_phone"])
        }
    }

    @Test func aTokenIsKeptHashedAndSealedAndNowhereElse() async throws {
        try await BridgeBench.with { bench in
            // A rule whose text has no link, so that the token stands in no message.
            try await bench.setWorkflow([step(Self.sent)])
            let token = "a-token-of-the-quote-system-1"
            let answer = try await bench.publish(Self.sent, ["publicToken": .string(token)])
            #expect(answer.publicToken == token)
            #expect(try await bench.bridge.quote(publicToken: token).id.text == "q-1")
            #expect(try await bench.publish(Self.sent).publicToken == token, "a resend keeps it")
            await #expect(throws: BridgeError.tokenConflict) {
                try await bench.publish(Self.sent, ["publicToken": "another-token-of-22-letters"])
            }
            await #expect(throws: BridgeError.tokenConflict) {
                try await bench.publish(Self.sent, ["publicToken": .string(token), "quoteId": "q-2"])
            }
            await #expect(throws: BridgeError.tokenConflict, "of another organization's quote") {
                try await bench.publish(Self.sent, ["publicToken": .string(token)], organizationID: .make())
            }
            await #expect(throws: BridgeError.notFound) { try await bench.bridge.quote(publicToken: token + "x") }
            for suffix in ["", "-wal"] {
                let bytes = try Data(contentsOf: URL(filePath: bench.file.path + suffix))
                #expect(bytes.range(of: Data(token.utf8)) == nil, "in the file\(suffix)")
            }
        }
    }

    @Test func ofManyCustomersAtOnceOneAccepts() async throws {
        try await BridgeBench.with { bench in
            let token = try #require(try await bench.publish(Self.sent).publicToken)
            // What each of them is told: nothing but the quote's state, or why not.
            let refusals = await withTaskGroup(of: BridgeError?.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        let (trigger, body): (String, JSONValue) =
                            index % 2 == 0 ? (Self.accepted, ["signatureName": "Jan"]) : (Self.rejected, [:])
                        do throws(BridgeError) { _ = try await bench.bridge.close(publicToken: token, as: trigger, body) } catch {
                            return error
                        }
                        return nil
                    }
                }
                return await group.reduce(into: [BridgeError?]()) { $0.append($1) }
            }
            #expect(refusals.count { $0 == nil } == 1)
            let state = try await quote(bench).state
            #expect(Set(refusals.compactMap { $0 }) == [.alreadyClosed(state)])
            let events = try await bench.store.events(EventQuery(organizationID: bench.organizationID, limit: 100)).elements
            #expect(events.count == 2)
            let quoteID = try #require(QuoteID("q-1"))
            #expect(try await bench.store.activities(of: quoteID, organizationID: bench.organizationID, after: nil, limit: 9).count == 2)
        }
    }

    @Test func aQuoteWhoseTimeIsOverCannotBeAnswered() async throws {
        try await BridgeBench.with { bench in
            let end = bench.clock.now + .seconds(3600)
            let token = try #require(try await bench.publish(Self.sent, ["validUntil": .string(end.description)]).publicToken)
            bench.clock.advance(to: end)
            #expect(try await !bench.bridge.isExpired(bench.bridge.quote(publicToken: token)))
            bench.clock.advance(by: .seconds(1))
            await #expect(throws: BridgeError.expired) { try await bench.bridge.close(publicToken: token, as: Self.rejected, [:]) }
            // The quote system itself may still say how it ended.
            #expect(try await bench.publish(Self.accepted, over: BridgeBench.known).isDuplicate == false)
        }
    }

    @Test func theFirstLookIsRecordedOnce() async throws {
        try await BridgeBench.with { bench in
            let token = try #require(try await bench.publish(Self.sent).publicToken)
            let quote = try await bench.bridge.quote(publicToken: token)
            let looks = await withTaskGroup(of: Timestamp?.self) { group in
                for _ in 0..<10 { group.addTask { try? await bench.bridge.view(quote).viewedAt } }
                return await group.reduce(into: Set<Timestamp?>()) { $0.insert($1) }
            }
            #expect(looks == [bench.clock.now])
            let kinds = try await bench.store.activities(of: quote.id, organizationID: bench.organizationID, after: nil, limit: 9).map(
                \.eventType)
            #expect(kinds == ["quote_sent", "quote_viewed"])
        }
    }
}
