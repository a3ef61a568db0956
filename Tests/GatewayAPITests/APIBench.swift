import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import QuoteBridge
import Signing
import Testing
import WorkflowEngine

@testable import GatewayAPI

/// A gateway over a store in memory, with one key of each role.
struct APIBench {
    let store = InMemoryStore()
    let clock = ManualClock()
    let api: GatewayAPI
    let organizationID = OrganizationID.make()
    let otherID = OrganizationID.make()

    init(_ configuration: APIConfiguration = APIConfiguration()) async throws {
        let observer = Metrics(clock: clock)
        let feed = StatusFeed()
        let group = ObserverGroup([observer, feed])
        let channels = Channels([
            Channel(adapter: QuietChannel<MailWords>()), Channel(adapter: QuietChannel<ChatWords>()),
        ])
        let gate = SuppressionGate(store: store, clock: clock, observer: group)
        let wake = WakeRelay()
        let factory = DeliveryFactory(channels: channels)
        let intake = MessageIntake(store: store, factory: factory, gate: gate, clock: clock, observer: group, wake: wake)
        let bridge = QuoteBridge(
            store: store, intake: intake, planner: Planner(factory: factory), sealer: PlainSealer(), configuration: BridgeConfiguration(),
            feed: ActivityFeed(), clock: clock, observer: group)
        let services = GatewayServices(
            store: store, intake: intake, control: DeliveryControl(store: store, channels: channels, clock: clock, observer: group, wake: wake), gate: gate,
            reports: ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: group, wake: wake), channels: channels, bridge: bridge,
            metrics: observer, feed: feed, observer: group, clock: clock)
        api = try await GatewayAPI(services: services, configuration: configuration, logger: Logger(label: "test"))
        for id in [organizationID, otherID] {
            let organization = Organization(id: id, name: "Example", createdAt: clock.now)
            _ = try await store.createOrganization(organization, seed: .initial(in: .dutch, at: clock.now), audit: nil)
        }
        for role in Role.allCases { try await addKey(role.rawValue, role, role == .operator ? nil : organizationID) }
        try await addKey("other", .admin, otherID)
    }

    func addKey(_ token: String, _ role: Role, _ organizationID: OrganizationID?) async throws {
        let key = APIKey(
            id: .make(), organizationID: organizationID, name: token, role: role, tokenHash: SHA256.digest(Array(token.utf8)), createdAt: clock.now)
        try await store.createKey(key, audit: nil)
    }

    /// Makes calls to the routes, without a socket.
    func run(_ test: @escaping @Sendable (Client) async throws -> Void) async throws {
        let app = Application(router: api.buildRouter())
        try await app.test(.router) { client in try await test(Client(client: client)) }
    }

    struct Answer {
        var status: Int
        var headers: HTTPFields
        var json: JSONValue

        var code: String? { json["code"]?.stringValue }
        /// The paths of the faults.
        var faults: Set<String> { Set((json["details"]?.arrayValue ?? []).compactMap { $0["path"]?.stringValue }) }
    }

    struct Client: Sendable {
        let client: any TestClientProtocol

        func call(
            _ method: HTTPRequest.Method, _ uri: String, as token: String? = nil, _ body: JSONValue? = nil, headers: HTTPFields = [:]
        ) async throws -> Answer {
            var headers = headers
            if let token { headers[.authorization] = "Bearer \(token)" }
            if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
            return try await client.execute(uri: uri, method: method, headers: headers, body: body.map { ByteBuffer(bytes: $0.bytes) }) { response in
                Answer(
                    status: response.status.code, headers: response.headers,
                    json: (try? JSONValue(parsing: Array(response.body.readableBytesView))) ?? .null)
            }
        }
    }
}

/// Keeps values as they are: what is sealed is not these tests' matter.
struct PlainSealer: Sealer {
    func seal(_ plain: [UInt8], for context: String) throws(SealingError) -> [UInt8] { plain }
    func open(_ sealed: [UInt8], for context: String) throws(SealingError) -> [UInt8] { sealed }
}

protocol ChannelWords: Sendable {
    static var descriptor: AdapterDescriptor { get }
}

enum MailWords: ChannelWords {
    static let descriptor = AdapterDescriptor(
        channel: .email, title: "E-mail", addressKind: .email, contentForm: .mail, lostAnswer: .resend, settings: [])
}

enum ChatWords: ChannelWords {
    static let descriptor = AdapterDescriptor(
        channel: .whatsapp, title: "WhatsApp", addressKind: .phone, contentForm: .chat, lostAnswer: .reconcile, settings: [])
}

/// A channel that accepts everything and sends nothing.
struct QuietChannel<Words: ChannelWords>: ChannelAdapter {
    static var descriptor: AdapterDescriptor { Words.descriptor }

    init() {}
    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {}

    static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        let kept = address.filter { !$0.isWhitespace }
        guard kept.contains(descriptor.addressKind == .email ? "@" : "+") else { throw EndpointError("is no address") }
        return Endpoint(channel: descriptor.channel, address: kept.lowercased())
    }

    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
    func probe() async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
}
