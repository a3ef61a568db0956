import AdapterKit
import Foundation
import GatewayCore
import GatewayModel
import GatewayTestKit
import Logging
import QuoteBridge
import SQLiteStore
import Synchronization
import Testing
import WorkflowEngine

/// A bridge over a main store that can be away, with a spool that sends by a dispatcher of its own.
struct SpoolTrial: Sendable {
    let bench: BridgeBench
    let main: AwayStore
    let file: SQLiteSpool
    let bridge: QuoteBridge
    let feed = StatusFeed()
    /// Tokens that were found to lead to a quote besides its own.
    let tokens = AddedTokens()
    private let dispatcher: Dispatcher
    private let folder: URL

    var spool: Spool { bridge.spool! }

    /// Runs `body` on a trial of its own, whose main store knows the organization.
    static func with(
        configuration: BridgeConfiguration = BridgeBench.configuration, spooling: SpoolConfiguration = .init(),
        _ body: (SpoolTrial) async throws -> Void
    ) async throws {
        try await BridgeBench.with(configuration: configuration) { bench in
            let organization = Organization(id: bench.organizationID, name: "Dak BV", createdAt: bench.clock.now)
            _ = try await bench.store.createOrganization(organization, seed: nil, audit: nil)
            try await with(bench, AwayStore(bench.store), configuration: configuration, spooling, body)
        }
    }

    /// Runs `body` on a spool of its own beside the same main store: a further node.
    func withSecond(_ body: (SpoolTrial) async throws -> Void) async throws {
        try await Self.with(bench, main, configuration: BridgeBench.configuration, .init(), body)
    }

    private static func with(
        _ bench: BridgeBench, _ main: AwayStore, configuration: BridgeConfiguration, _ spooling: SpoolConfiguration,
        _ body: (SpoolTrial) async throws -> Void
    ) async throws {
        let trial = try await SpoolTrial(bench, main, configuration, spooling)
        do { try await body(trial) } catch {
            await trial.close()
            throw error
        }
        await trial.close()
    }

    private init(
        _ bench: BridgeBench, _ main: AwayStore, _ configuration: BridgeConfiguration, _ spooling: SpoolConfiguration
    ) async throws {
        self.bench = bench
        self.main = main
        folder = FileManager.default.temporaryDirectory.appending(path: "spool-" + UUIDBits.version7().text)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        file = try await SQLiteSpool(path: folder.appending(path: "spool.db").path, clock: bench.clock, logger: logger)
        let (clock, store, channels, feed) = (bench.clock, file.store, bench.channels, feed)
        let factory = DeliveryFactory(channels: channels)
        let wake = WakeRelay()
        let gate = SuppressionGate(store: store, clock: clock, observer: feed)
        let beside = QuoteBridge(
            store: store, intake: MessageIntake(store: store, factory: factory, gate: gate, clock: clock, observer: feed, wake: wake),
            planner: Planner(factory: factory), sealer: TestSealer(), configuration: configuration, feed: ActivityFeed(), clock: clock,
            observer: feed)
        let spool = try await Spool(
            file, main: WholeMirror(base: bench.store), bridge: beside, tokenKey: [UInt8](repeating: 5, count: 32),
            configuration: spooling)
        bridge = QuoteBridge(
            store: main,
            intake: MessageIntake(
                store: bench.store, factory: factory, gate: bench.gate, clock: clock, observer: bench.feed, wake: WakeRelay()),
            planner: Planner(factory: factory), sealer: TestSealer(), configuration: configuration, feed: ActivityFeed(), clock: clock,
            observer: bench.feed, spool: spool)
        dispatcher = Dispatcher(
            channels: channels, store: store, gate: gate,
            reports: ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: feed, wake: wake),
            configuration: DispatchConfiguration(), clock: clock, observer: feed, wake: wake)
    }

    private func close() async {
        await file.close()
        try? FileManager.default.removeItem(at: folder)
    }

    // MARK: Doing

    /// Brings the mirror up to date with the main store.
    func mirror() async throws { try await spool.mirror(WholeMirror(base: bench.store)) }

    /// Brings the mirror up to date and takes the main store away.
    func goAway(_ fault: AwayStore.Fault = .away(.unavailable)) async throws {
        try await mirror()
        main.set(fault)
    }

    /// The main store is back; everything joins it.
    func comeBack() async throws {
        main.set(nil)
        #expect(try await bridge.joinSpooled(into: bench.store, tokens: tokens) == false)
    }

    @discardableResult
    func publish(_ trigger: String, _ more: JSONValue = [:], over base: JSONValue = BridgeBench.fields) async throws -> PublishAnswer {
        try await bridge.publish(
            try QuoteEvent(base.merging(more), trigger: trigger, leavesOut: true), organizationID: bench.organizationID)
    }

    /// Runs the spool's dispatcher until so many deliveries have come to stand otherwise.
    func dispatch(changes count: Int) async throws {
        let changes = feed.changes()
        let service = Task { [dispatcher] in try await dispatcher.run() }
        var seen = 0
        for await _ in changes {
            seen += 1
            if seen >= count { break }
        }
        service.cancel()
        _ = await service.result
    }
}

/// Reads a small store whole.
private struct WholeMirror: MirroredStore, SuppressionStore {
    let base: any GatewayStore

    func mirror(since marks: MirrorMarks?) async throws(StoreError) -> MirrorUpdate {
        let organizations = try await base.organizations()
        var sets: [WorkflowSet] = []
        var overrides: [OrganizationID: [LeadOverride]] = [:]
        for organization in organizations {
            sets.append(try await base.workflowSet(organization.id))
            for name in ["l-1", "l-2"] {
                guard let lead = LeadID(name), let one = try await base.override(lead, organizationID: organization.id) else { continue }
                overrides[organization.id, default: []].append(one)
            }
        }
        return MirrorUpdate(
            organizations: organizations, keys: try await base.keys(), workflows: sets, overrides: overrides,
            suppressions: try await base.suppressions(SuppressionQuery(limit: 500)).elements, schema: [],
            marks: MirrorMarks(
                versions: Dictionary(sets.map { ($0.organizationID, $0.version) }) { $1 }, organizations: "1", keys: "1", overrides: "1",
                suppressions: "1"))
    }

    func within<Value>(_ limit: Duration, _ body: () async -> Value) async -> Value { await body() }

    func suppress(_ suppression: Suppression, audit: AuditEntry?) async throws(StoreError) -> Suppression {
        try await base.suppress(suppression, audit: audit)
    }
    func unsuppress(_ id: SuppressionID, organizationID: OrganizationID?, audit: AuditEntry?) async throws(StoreError) -> Suppression? {
        try await base.unsuppress(id, organizationID: organizationID, audit: audit)
    }
    func suppressions(_ query: SuppressionQuery) async throws(StoreError) -> Page<Suppression> { try await base.suppressions(query) }
    func suppressions(
        of endpoints: [Endpoint], organizationID: OrganizationID, at now: Timestamp
    ) async throws(StoreError) -> [Suppression] {
        try await base.suppressions(of: endpoints, organizationID: organizationID, at: now)
    }
}

/// Remembers which tokens were added to which quotes.
final class AddedTokens: QuoteTokenAdding {
    private let added = Mutex<[[UInt8]: QuoteID]>([:])
    var all: [[UInt8]: QuoteID] { added.withLock { $0 } }

    func add(tokenHash: [UInt8], to quote: QuoteID, organizationID: OrganizationID) async throws(StoreError) {
        added.withLock { $0[tokenHash] = quote }
    }
}
