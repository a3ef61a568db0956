import AdapterKit
import GatewayModel
import QuoteBridge
import Testing
import WorkflowEngine

/// One event gives one set of decisions and messages, however often and however fast it is told.
@Suite(.timeLimit(.minutes(1))) struct IdempotencyTests {
    private static let sent = DecisionTable.quoteSent

    @Test("case 36: a hundred calls at once give one set") func concurrently() async throws {
        try await BridgeBench.with { bench in
            let answers = try await withThrowingTaskGroup(of: PublishAnswer.self) { group in
                for _ in 0..<100 { group.addTask { try await bench.publish(Self.sent, ["eventId": "e-1"]) } }
                return try await group.reduce(into: [PublishAnswer]()) { $0.append($1) }
            }
            #expect(answers.count { !$0.isDuplicate } == 1)
            #expect(Set(answers.map(\.eventID)).count == 1 && Set(answers.map(\.publicToken)).count == 1)
            #expect(Set(answers.map { $0.decisions.map(\.id) }).count == 1)
            #expect(try await bench.deliveries().count == 1)
        }
    }

    @Test("case 36: a new event of the quote gives a second set; another body under one id is refused") func again() async throws {
        try await BridgeBench.with { bench in
            let first = try await bench.publish(Self.sent, ["eventId": "e-1"])
            #expect(try await bench.publish(Self.sent, ["eventId": "e-1"]).isDuplicate)
            let second = try await bench.publish(Self.sent, ["eventId": "e-2"])
            #expect(!second.isDuplicate && second.publicToken == first.publicToken)
            #expect(try await bench.deliveries().count == 2)
            for other: JSONValue in [["quoteNumber": "8"], ["quoteId": "q-2"], ["publicToken": "another-token-of-22-letters"]] {
                await #expect(throws: BridgeError.idempotencyConflict, "\(other.text)") {
                    try await bench.publish(Self.sent, other.merging(["eventId": "e-1"]))
                }
            }
            await #expect(throws: BridgeError.idempotencyConflict, "another trigger") {
                try await bench.publish(DecisionTable.quoteRejected, ["eventId": "e-1"])
            }
            #expect(
                try await bench.publish(Self.sent, ["eventId": "e-1"], organizationID: .make()).isDuplicate == false,
                "another organization's id")
        }
    }

    @Test func whatACustomerAcceptedIsNotRewrittenByAResend() async throws {
        try await BridgeBench.with { bench in
            let first = try await bench.publish(Self.sent, ["eventId": "e-1", "totalCents": 125_000])
            _ = try await bench.publish(DecisionTable.quoteAccepted, ["eventId": "e-2"])
            let again = try await bench.publish(Self.sent, ["eventId": "e-3", "totalCents": 999])
            #expect(!again.decisions.isEmpty && again.publicToken == first.publicToken)
            let quoteID = try #require(first.quoteID)
            let quote = try #require(try await bench.store.quote(quoteID, organizationID: bench.organizationID))
            #expect(quote.state == .accepted && quote.totalCents == 125_000)
        }
    }

    @Test func bodiesAreTheSameWhenTheirJSONIs() throws {
        func hash(_ text: String, quoteID: String? = nil) throws -> [UInt8] {
            try QuoteEvent(JSONValue(parsing: text), trigger: Self.sent, quoteID: quoteID.flatMap { QuoteID($0) }).bodyHash
        }
        let one = try hash(#"{"eventId":"a","quoteId":"q","leadId":"l","quoteNumber":"1","totalCents":100}"#)
        #expect(try hash(#"{ "totalCents": 100, "quoteNumber": "\u0031", "leadId": "l", "quoteId": "q", "eventId": "b" }"#) == one)
        #expect(try hash(#"{"leadId":"l","quoteNumber":"1","totalCents":100}"#, quoteID: "q") == one, "told by the path or by the body")
        #expect(try hash(#"{"leadId":"l","quoteNumber":"1","totalCents":101}"#, quoteID: "q") != one)
    }

    @Test func anIDThatIsNoUUIDIsOneOfItsOrganization() throws {
        let event = try QuoteEvent(["eventId": "order 7", "leadId": "l"], trigger: "lead_welcome")
        let organizationID = try #require(OrganizationID("0195b1f0-0000-7000-8000-000000000001"))
        #expect(event.id(in: organizationID) == event.id(in: organizationID))
        #expect(event.id(in: organizationID) != event.id(in: .make()))
        // Worked out by Python's uuid.uuid5.
        #expect(event.id(in: organizationID).description == "b88ff511-f215-5f00-95d9-a69527a45c01")
        let named = try QuoteEvent(["eventId": "0195B1F0-0000-7000-8000-0000000000AA", "leadId": "l"], trigger: "lead_welcome")
        #expect(named.id(in: organizationID).description == "0195b1f0-0000-7000-8000-0000000000aa")
    }
}
