import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Testing

/// What becomes of a message with several legs when some of them may not be sent.
@Suite(.timeLimit(.minutes(1))) struct MessageIntakeTests {
    private func draft(_ bench: OutboxBench, notBefore: Timestamp? = nil) -> MessageDraft {
        let mail: JSONValue = ["subject": "s", "text": "t"]
        return MessageDraft(
            organizationID: bench.organizationID, first: .init(channel: .email, to: "a@x.nl", content: mail),
            fallback: [
                .init(channel: .whatsapp, to: "+31612345678", content: ["text": "t"]), .init(channel: .email, to: "b@x.nl", content: mail),
            ], notBefore: notBefore)
    }

    private func accept(_ draft: MessageDraft, _ bench: OutboxBench) async throws -> [Delivery] {
        try #require(try await bench.intake.accept([draft]).first?.deliveries)
    }

    @Test func theFallbackOfASuppressedFirstLegTakesItsPlaceAndItsTime() async throws {
        try await OutboxBench.with([.mail(), .chat()]) { bench in
            try await bench.suppress("a@x.nl")
            let legs = try await accept(draft(bench, notBefore: bench.at(500)), bench)
            #expect(legs.map(\.state) == [.suppressed, .pending, .pending] && legs[0].reason == .optedOut)
            #expect(legs.map(\.dueAt) == [bench.at(500), bench.at(500), .distantFuture])
            #expect(legs[1].fallbackOf == nil && legs[2].fallbackOf == legs[1].id)
        }
    }

    @Test func aSuppressedFallbackIsSkippedAndSetsNothingOff() async throws {
        let script = ProviderScript([.outcome(.rejected(.hard, of: .message)), .accepted])
        try await OutboxBench.with([.mail(script), .chat()]) { bench in
            try await bench.suppress("+31612345678", channel: .whatsapp)
            let legs = try await accept(draft(bench), bench)
            #expect(legs.map(\.state) == [.pending, .suppressed, .pending])
            #expect(legs[2].dueAt == .distantFuture && legs[2].fallbackOf == legs[0].id, "it stands by for the first")
            try await bench.running { _ in
                try await bench.change(of: legs[0].id, to: .failed)
                try await bench.change(of: legs[2].id, to: .succeeded)
            }
        }
    }

    @Test func whatAnotherWriteReleasedIsWoken() async throws {
        try await OutboxBench.with([.mail(ProviderScript([.soft])), .chat()]) { bench in
            try await bench.running { _ in
                let head = try await bench.accept("a@x.nl", orderingKey: "quote")[0]
                let behind = try await bench.accept("+31612345678", channel: .whatsapp, orderingKey: "quote")[0]
                let waiting = try await bench.change(of: head) { $0.attemptCount == 1 }
                // As a later event does it, in its own transaction.
                var change = DeliveryChange(
                    state: .cancelled, reason: .superseded, dueAt: waiting.dueAt, attemptCount: 1, recordedAttempts: 1, claimCount: 0,
                    flags: [], settledAt: bench.clock.now, updatedAt: bench.clock.now)
                change.fallback = .cancel
                _ = try await bench.store.apply(change, to: try await bench.delivery(head), audit: nil)
                bench.intake.announce([], releasesOthers: true)
                try await bench.change(of: behind, to: .succeeded)
                #expect(bench.clock.now == bench.start)
            }
        }
    }

    @Test func whatStandsByHasADeadlineOfItsOwn() async throws {
        try await OutboxBench.with([.mail(), .chat()]) { bench in
            let legs = try await accept(draft(bench), bench)
            #expect(
                legs.map(\.deadline) == [1, 2, 3].map { bench.at($0 * 86_400) }, "each begins at the latest when the one before has to end")
            var short = draft(bench)
            short.expiresAt = bench.at(60)
            #expect(try await accept(short, bench).allSatisfy { $0.deadline == bench.at(60) })
        }
    }
}
