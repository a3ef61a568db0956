import AdapterContract
import AdapterKit
import EmailAdapter
import GatewayCore
import GatewayModel
import GatewayTestKit
import Hummingbird
import HummingbirdTesting
import Logging
import QuoteBridge
import Signing
import StoreBackends
import WebhookAdapter
import WhatsAppAdapter
import WorkflowEngine

@testable import GatewayAPI
@testable import SQLiteStore

/// A gateway over a store on disk, with the real channels, a clock that tests move, and one key of each role.
struct APIBench: Sendable {
    let clock = ManualClock()
    let store: any GatewayStore
    let api: GatewayAPI
    let services: GatewayServices
    let organizationID = OrganizationID.make()
    let otherID = OrganizationID.make()
    /// What was answered, for tests that hold all of it against the document.
    let seen: SeenAnswers
    private let disk: SQLiteStore
    private let folder: TestFolder

    /// Runs `body` on a bench of its own, with a client that calls its routes without a socket and holds every answer against the document.
    static func with(
        _ configuration: APIConfiguration = APIConfiguration(), seen: SeenAnswers = SeenAnswers(),
        _ body: @escaping @Sendable (APIBench, Client) async throws -> Void
    ) async throws {
        let bench = try await APIBench(configuration, seen: seen)
        let app = Application(router: bench.api.buildRouter(), logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        do {
            try await app.test(.router) { client in try await body(bench, Client(client: client, seen: seen)) }
        } catch {
            await bench.close()
            throw error
        }
        await bench.close()
    }

    private init(_ configuration: APIConfiguration, seen: SeenAnswers) async throws {
        self.seen = seen
        folder = try TestFolder(clock: clock)
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        disk = try await folder.store()
        store = disk
        let metrics = Metrics(clock: clock)
        let feed = StatusFeed()
        let observer = ObserverGroup([metrics, feed])
        let channels = try Self.channels(clock)
        let gate = SuppressionGate(store: store, clock: clock, observer: observer)
        let wake = WakeRelay()
        let factory = DeliveryFactory(channels: channels)
        let intake = MessageIntake(store: store, factory: factory, gate: gate, clock: clock, observer: observer, wake: wake)
        let bridge = QuoteBridge(
            store: store, intake: intake, planner: Planner(factory: factory), sealer: PlainSealer(), configuration: BridgeConfiguration(),
            feed: ActivityFeed(), clock: clock, observer: observer)
        services = GatewayServices(
            store: store, intake: intake,
            control: DeliveryControl(store: store, channels: channels, clock: clock, observer: observer, wake: wake), gate: gate,
            reports: ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: observer, wake: wake),
            channels: channels,
            bridge: bridge, metrics: metrics, feed: feed, observer: observer, clock: clock)
        api = try await GatewayAPI(services: services, configuration: configuration, logger: logger)
        for id in [organizationID, otherID] {
            let organization = Organization(id: id, name: "Example", createdAt: clock.now)
            _ = try await store.createOrganization(organization, seed: .initial(in: .dutch, at: clock.now), audit: nil)
        }
        for role in Role.allCases { try await addKey(role.rawValue, role, role == .operator ? nil : organizationID) }
        try await addKey("other", .admin, otherID)
    }

    private static func channels(_ clock: any WallClock) throws -> Channels {
        let environment = AdapterEnvironment(
            http: ScriptedHTTPTransport(), mail: ScriptedMailTransport(), clock: clock,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        func channel<Adapter: ChannelAdapter>(_ type: Adapter.Type, _ settings: JSONValue, network: NetworkPolicy = .trusted) throws
            -> Channel
        {
            let settings = try AdapterSettings(settings, specs: type.descriptor.settings, network: network)
            return Channel(adapter: try type.init(settings: settings, environment: environment))
        }
        return Channels([
            try channel(EmailAdapter.self, ["host": "mail.example", "security": "none", "from": "Dak <hallo@dak.example>"]),
            try channel(WhatsAppAdapter.self, ["phoneNumberID": "1", "accessToken": "t", "appSecret": "s", "verifyToken": "v"]),
            try channel(
                WebhookAdapter.self, ["secret": .string("whsec_" + Base64.encode([UInt8](repeating: 1, count: 24)))],
                network: .guarded(allow: [])),
        ])
    }

    private func close() async {
        await store.close()
        folder.remove()
    }

    func addKey(_ token: String, _ role: Role, _ organizationID: OrganizationID?) async throws {
        let key = APIKey(
            id: .make(), organizationID: organizationID, name: token, role: role, tokenHash: SHA256.digest(Array(token.utf8)),
            createdAt: clock.now)
        try await store.createKey(key, audit: nil)
    }

    /// Does to the store's file what nobody should do.
    func script(_ text: String) async throws {
        try await disk.writer.write { connection throws(StoreError) in try connection.script(text) }
    }

    static let engine = "/api/v1/admin/organizations/me/workflow-engine"

    /// Everything there is to say of a quote that was sent.
    static let sent: JSONValue = [
        "quoteNumber": "2026-1", "leadId": "lead-1", "totalCents": 125_000, "consumerEmail": "a@example.nl", "consumerName": "A",
        "consumerPhone": "06 12345678", "agentEmail": "agent@example.nl",
    ]

    static let mail: JSONValue = ["channel": "email", "to": "a@example.nl", "content": ["subject": "Hi", "text": "There"]]

    /// An id that names nothing.
    static let nobody = "018f0000-0000-7000-8000-000000000000"
}

/// Keeps values as they are: what is sealed is not these tests' matter.
struct PlainSealer: Sealer {
    func seal(_ plain: [UInt8], for context: String) throws(SealingError) -> [UInt8] { plain }
    func open(_ sealed: [UInt8], for context: String) throws(SealingError) -> [UInt8] { sealed }
}
