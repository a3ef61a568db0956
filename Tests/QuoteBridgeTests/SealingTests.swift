import AdapterKit
import GatewayModel
import GatewayTestKit
import QuoteBridge
import Testing

/// What was sealed with another keyring than today's is told, and nothing is answered as if it had never been there.
@Suite(.timeLimit(.minutes(1))) struct SealingTests {
    private static let sent = "quote_sent"

    private static func makeOrganization(_ bench: BridgeBench) async throws {
        let organization = Organization(id: bench.organizationID, name: "Dak BV", createdAt: bench.clock.now)
        _ = try await bench.store.createOrganization(organization, seed: nil, audit: nil)
    }

    @Test func aTokenThatDoesNotOpenIsToldInsteadOfLeftOut() async throws {
        try await BridgeBench.with { bench in
            try await Self.makeOrganization(bench)
            let first = try await bench.publish(Self.sent, ["eventId": "e-1"])
            #expect(first.publicToken != nil)
            let check = SealingCheck(store: bench.store, sealer: TestSealer())
            #expect(await check.fault() == nil)
            try await bench.script("UPDATE quotes SET sealed_token = x'0101410000'")
            #expect(await check.fault() == .tampered)
            await #expect(throws: BridgeError.sealed(.tampered)) { try await bench.publish(Self.sent, ["eventId": "e-2"]) }
            await #expect(throws: BridgeError.sealed(.tampered)) { try await bench.publish(Self.sent, ["eventId": "e-1"]) }
            #expect(try await bench.deliveries { $0.trigger = Self.sent }.count == first.decisions.flatMap(\.deliveryIDs).count)
            // What customers do with the link they have goes on: their mails carry none.
            #expect(try await bench.publish("quote_accepted", ["eventId": "e-3"], over: BridgeBench.known).isDuplicate == false)
        }
    }

    @Test func aStoreWithNothingSealedIsGoodForAnyKeyring() async throws {
        try await BridgeBench.with { bench in
            try await Self.makeOrganization(bench)
            #expect(await SealingCheck(store: bench.store, sealer: TestSealer()).fault() == nil)
        }
    }
}
