import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Hummingbird
import HummingbirdTesting
import Logging
import QuoteBridge
import SQLiteStore
import StoreBackends
import Testing
import WorkflowEngine

@testable import GatewayAPI

/// What callers, probes and figures are told while a spool stands in for the store; every answer is held against the document.
@Suite struct SpoolReadinessTests {
    private func with(_ body: @escaping @Sendable (APIBench, SQLiteSpool, Client) async throws -> Void) async throws {
        try await APIBench.with { bench, _ in
            let folder = try TestFolder()
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let file = try await SQLiteSpool(path: folder.path("spool.db"), clock: bench.clock, logger: logger)
            let copy = MirrorUpdate(
                organizations: try await bench.store.organizations(), keys: try await bench.store.keys(),
                workflows: [try await bench.store.workflowSet(bench.organizationID)], overrides: [:], suppressions: [], schema: [],
                marks: MirrorMarks(versions: [:], organizations: "", keys: "", overrides: "", suppressions: ""))
            try await file.mirror(copy, takenAt: bench.clock.now)
            let services = try await bench.services.with(file)
            let api = try await GatewayAPI(services: services, configuration: APIConfiguration(), logger: logger)
            try await Application(router: api.buildRouter(), logger: logger).test(.router) { routes in
                try await body(bench, file, Client(client: routes, seen: SeenAnswers()))
            }
            await file.close()
            folder.remove()
        }
    }

    @Test func whileTheStoreIsThereTheSpoolIsQuiet() async throws {
        try await with { bench, _, client in
            bench.clock.advance(by: .seconds(7))
            let ready = try await client.call(.get, "/readyz")
            #expect(ready.status == 200 && ready.json["status"] == "ok" && ready.json["detail"] == nil)
            #expect(
                ready.json["spool"] == ["status": "ok", "events": 0, "taken": 0, "joined": 0, "duplicates": 0, "mirrorAgeSeconds": 7])
            bench.clock.advance(by: .seconds(86_400))
            let old = try await client.call(.get, "/readyz")
            #expect(old.status == 200 && old.json["status"] == "degraded")
            #expect(old.json["detail"] == ["the spool's copy of the rules is missing or too old to decide by"])
        }
    }

    @Test func whileTheStoreIsAwayItTakesEvents() async throws {
        try await with { bench, file, client in
            await bench.store.close()
            let event = APIBench.sent.merging(["type": "quotes.quote.sent", "quoteId": "q-1"])
            #expect(try await client.call(.post, "/api/v1/quote-events", as: "quotes", event).status == 202)
            // A key that the copy lacks may have come since.
            #expect(try await client.call(.post, "/api/v1/quote-events", as: "newer", event).status == 503)
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "viewer").status == 503)
            let ready = try await client.call(.get, "/readyz")
            #expect(ready.status == 200 && ready.json["status"] == "degraded" && ready.json["store"] == "unavailable")
            #expect(ready.json["detail"] == ["the store is unavailable", "an event waits in the spool"])
            let figures = try await client.call(.get, "/metrics", as: "operator")
            #expect(figures.status == 200 && !figures.text.contains("gateway_deliveries{"))
            for line in [
                "gateway_spool_events 1", "gateway_spool_taken_total 1", "gateway_spool_joined_total 0", "gateway_spool_duplicates_total 0",
                "gateway_spool_mirror_age_seconds 0",
            ] { #expect(figures.text.contains("\n\(line)\n"), "\(line)") }
            await file.close()
            let useless = try await client.call(.get, "/readyz")
            #expect(useless.status == 503 && useless.json["status"] == "unavailable" && useless.json["spool"]?["status"] == "unavailable")
        }
    }

    @Test func aStoreThatIsUnusableIsNotHelpedByASpool() async throws {
        try await with { bench, _, client in
            try await bench.script("ALTER TABLE schema_migrations RENAME COLUMN checksum TO other")
            let ready = try await client.call(.get, "/readyz")
            #expect(ready.status == 503 && ready.json["status"] == "unavailable")
        }
    }
}

extension GatewayServices {
    /// The same with a spool beside the store.
    fileprivate func with(_ file: SQLiteSpool) async throws -> GatewayServices {
        let (beside, factory) = (file.store, DeliveryFactory(channels: channels))
        let gate = SuppressionGate(store: beside, clock: clock, observer: observer)
        let intake = MessageIntake(store: beside, factory: factory, gate: gate, clock: clock, observer: observer, wake: WakeRelay())
        func bridge(_ store: any GatewayStore, _ intake: MessageIntake, _ spool: Spool?) -> QuoteBridge {
            QuoteBridge(
                store: store, intake: intake, planner: Planner(factory: factory), sealer: PlainSealer(),
                configuration: BridgeConfiguration(), feed: ActivityFeed(), clock: clock, observer: observer, spool: spool)
        }
        let spool = try await Spool(
            file, main: Original(), bridge: bridge(beside, intake, nil), tokenKey: [UInt8](repeating: 5, count: 32))
        return GatewayServices(
            store: store, intake: self.intake, control: control, gate: self.gate, reports: reports, channels: channels,
            bridge: bridge(store, self.intake, spool), metrics: metrics, feed: feed, observer: observer, clock: clock)
    }
}

/// Of which the copy was made already.
private struct Original: MirroredStore {
    func mirror(since marks: MirrorMarks?) async throws(StoreError) -> MirrorUpdate { throw .unavailable }
    func within<Value>(_ limit: Duration, _ body: () async -> Value) async -> Value { await body() }
}
