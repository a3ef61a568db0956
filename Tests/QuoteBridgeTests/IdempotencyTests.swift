import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import QuoteBridge
import Testing
import WorkflowEngine

/// One event gives one set of decisions and messages, however often and however fast it is told.
@Suite(.timeLimit(.minutes(1))) struct IdempotencyTests {
    private struct PlainSealer: Sealer {
        func seal(_ plain: [UInt8], for context: String) throws(SealingError) -> [UInt8] { plain }
        func open(_ sealed: [UInt8], for context: String) throws(SealingError) -> [UInt8] { sealed }
    }

    private let store = InMemoryStore()
    private let organizationID = OrganizationID.make()

    private func bridge() -> QuoteBridge {
        let clock = ManualClock()
        let observer = ObserverGroup([])
        let factory = DeliveryFactory(channels: Channels([Channel(adapter: ScriptedAdapter())]))
        let gate = SuppressionGate(store: store, clock: clock, observer: observer)
        let intake = MessageIntake(store: store, factory: factory, gate: gate, clock: clock, observer: observer, wake: WakeRelay())
        return QuoteBridge(
            store: store, intake: intake, planner: Planner(factory: factory), sealer: PlainSealer(), configuration: BridgeConfiguration(),
            feed: ActivityFeed(), clock: clock, observer: observer)
    }

    private func sent(_ eventID: String, number: String = "7") throws -> QuoteEvent {
        try QuoteEvent(
            ["eventId": .string(eventID), "quoteId": "q1", "leadId": "l1", "quoteNumber": .string(number), "consumerEmail": "jan@x.nl"],
            trigger: DecisionTable.quoteSent)
    }

    private func mails() async throws -> Int { try await store.counts(at: Timestamp(seconds: 0), organizationID: organizationID).accepted }

    @Test("36 a hundred calls at once give one set") func concurrently() async throws {
        let bridge = bridge()
        let event = try sent("e1")
        let organizationID = organizationID
        let answers = try await withThrowingTaskGroup(of: PublishAnswer.self) { group in
            for _ in 0..<100 { group.addTask { try await bridge.publish(event, organizationID: organizationID) } }
            return try await group.reduce(into: [PublishAnswer]()) { $0.append($1) }
        }
        #expect(answers.count { !$0.isDuplicate } == 1)
        #expect(Set(answers.map(\.eventID)).count == 1 && Set(answers.map(\.publicToken)).count == 1)
        #expect(Set(answers.map { $0.decisions.map(\.id) }).count == 1)
        #expect(try await mails() == 1)
    }

    @Test("36 a new event of the quote gives a second; another body under one id is refused") func again() async throws {
        let bridge = bridge()
        _ = try await bridge.publish(try sent("e1"), organizationID: organizationID)
        #expect(try await bridge.publish(try sent("e1"), organizationID: organizationID).isDuplicate)
        #expect(try await !bridge.publish(try sent("e2"), organizationID: organizationID).isDuplicate)
        #expect(try await mails() == 2)
        let other = try sent("e1", number: "8")
        await #expect(throws: BridgeError.idempotencyConflict) { try await bridge.publish(other, organizationID: organizationID) }
    }
}
