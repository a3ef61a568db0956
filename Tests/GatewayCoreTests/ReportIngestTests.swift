import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import StoreBackends
import Testing

/// News of providers: before, while and after a try is settled, more than once, and while the store fails.
@Suite(.timeLimit(.minutes(1))) struct ReportIngestTests {
    private let number = "+31612345678"

    private func report(_ kind: DeliveryReport.Kind, _ bench: OutboxBench, at seconds: Double = 0) -> DeliveryReport {
        DeliveryReport(
            providerMessageID: "wamid", kind: kind, at: bench.at(seconds), failure: .hard,
            rejectedPart: kind == .bounced ? .deadEndpoint : nil)
    }

    private func ingest(_ report: DeliveryReport, _ bench: OutboxBench) async throws {
        try await bench.reports.ingest([report], channel: .whatsapp, organizationID: nil)
    }

    private static let taken = ProviderScript.Answer.outcome(.accepted(Acceptance(providerMessageID: "wamid")))

    @Test(arguments: Backend.allCases) func newsBeforeTheSettlementWaitsForIt(backend: Backend) async throws {
        let script = ProviderScript([.hang(then: .accepted(Acceptance(providerMessageID: "wamid")))])
        try await OutboxBench.with([.chat(script)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept(number, channel: .whatsapp)[0]
                await script.waitForCalls(count: 1)
                try await ingest(report(.read, bench), bench)
                #expect(try await bench.delivery(id).state == .pending)
                script.release()
                try await bench.change(of: id) { $0.confirmation == .read }
            }
        }
    }

    @Test(arguments: Backend.allCases) func newsThatCrossesTheSettlementIsNotLost(backend: Backend) async throws {
        let script = ProviderScript([.hang(then: .accepted(Acceptance(providerMessageID: "wamid")))])
        try await OutboxBench.with([.chat(script)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept(number, channel: .whatsapp)[0]
                await script.waitForCalls(count: 1)
                // The report is on its way into the store while the try is settled and the kept reports are looked for.
                let latch = Latch()
                bench.store.hold(.record, latch)
                async let ingested: Void = ingest(report(.delivered, bench), bench)
                await latch.waitForArrivals()
                script.release()
                try await bench.change(of: id, to: .succeeded)
                latch.open()
                try await ingested
                try await bench.change(of: id) { $0.confirmation == .delivered }
            }
        }
    }

    @Test(arguments: [WatchedStore.Call.adoptReports, .suppress, .apply])
    func newsThatCouldNotBeAppliedIsAppliedWhenItIsToldAgain(call: WatchedStore.Call) async throws {
        try await OutboxBench.with([.chat(ProviderScript([Self.taken]))]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept(number, channel: .whatsapp)[0]
                try await bench.change(of: id, to: .succeeded)
                bench.store.fail(call, .before(.unavailable))
                await #expect(throws: StoreError.unavailable) { try await ingest(report(.bounced, bench), bench) }
                try await ingest(report(.bounced, bench), bench)
                let bounced = try await bench.change(of: id) { $0.flags == .bounced }
                #expect(bounced.state == .succeeded)
                #expect(try await bench.store.suppressions(SuppressionQuery(organizationID: bench.organizationID)).elements.count == 1)
                #expect(try await bench.store.reports(of: id).count == 1)
            }
        }
    }

    @Test func newsThatIsToldAgainChangesNothing() async throws {
        try await OutboxBench.with([.chat(ProviderScript([Self.taken]))]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept(number, channel: .whatsapp)[0]
                try await bench.change(of: id, to: .succeeded)
                try await ingest(report(.complained, bench), bench)
                let complained = try await bench.change(of: id) { $0.flags == .complained }
                let standing = try await bench.gate.standing(against: complained.endpoint, organizationID: bench.organizationID)
                // Somebody lifts it; the same old news does not bring it back.
                _ = try await bench.gate.lift(standing[0].id, organizationID: bench.organizationID, audit: nil)
                try await ingest(report(.complained, bench), bench)
                #expect(try await bench.gate.standing(against: complained.endpoint, organizationID: bench.organizationID).isEmpty)
                #expect(try await bench.delivery(id).revision == complained.revision)
            }
        }
    }

    @Test func keptNewsOutlivesAStoreThatStumbles() async throws {
        let script = ProviderScript([.hang(then: .accepted(Acceptance(providerMessageID: "wamid")))])
        try await OutboxBench.with([.chat(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept(number, channel: .whatsapp)[0]
                await script.waitForCalls(count: 1)
                try await ingest(report(.delivered, bench), bench)
                bench.store.fail(.adoptReports, .before(.unavailable))
                bench.store.fail(.apply, .before(.unavailable))
                script.release()
                for seconds in [0.05, 0.1] { await bench.advance(to: seconds) }
                try await bench.change(of: id) { $0.confirmation == .delivered }
            }
        }
    }
}
