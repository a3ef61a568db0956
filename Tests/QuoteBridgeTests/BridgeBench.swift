import AdapterContract
import AdapterKit
import EmailAdapter
import Foundation
import GatewayCore
import GatewayModel
import GatewayTestKit
import Logging
import QuoteBridge
import Signing
import Synchronization
import Testing
import WebhookAdapter
import WhatsAppAdapter
import WorkflowEngine

@testable import SQLiteStore

/// The bridge over a store on disk, with the real channels on scripted transports and a clock that tests move.
struct BridgeBench: Sendable {
    let clock = ManualClock()
    let store: any GatewayStore
    private let disk: SQLiteStore
    let organizationID = OrganizationID.make()
    let mail = ScriptedMailTransport([.accepted(SMTPReply(code: 250), recipients: [])])
    let http = ScriptedHTTPTransport([.reply(HTTPReply(status: 200, body: Array(#"{"messages":[{"id":"wamid.1"}]}"#.utf8)))])
    let bridge: QuoteBridge
    let control: DeliveryControl
    let gate: SuppressionGate
    let feed = StatusFeed()
    let channels: Channels
    /// Events whose being held up was told of, in the order in which it was.
    let heldUp = HeldUpLog()
    private let dispatcher: Dispatcher
    private let folder: URL

    /// Runs `body` on a bench of its own.
    ///
    /// - Parameter copying: the file of an earlier store to begin with.
    static func with(
        configuration: BridgeConfiguration = Self.configuration, copying file: URL? = nil, _ body: (BridgeBench) async throws -> Void
    ) async throws {
        let bench = try await BridgeBench(configuration, copying: file)
        do { try await body(bench) } catch {
            await bench.close()
            throw error
        }
        await bench.close()
    }

    static let configuration = BridgeConfiguration(publicBaseURL: "https://portal.example", apiBaseURL: "https://api.example")

    private init(_ configuration: BridgeConfiguration, copying file: URL?) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "bridge-" + UUIDBits.version7().text)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appending(path: "store.db").path
        if let file {
            for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: file.path + suffix) {
                try FileManager.default.copyItem(atPath: file.path + suffix, toPath: path + suffix)
            }
        }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        disk = try await SQLiteStore(path: path, clock: clock, logger: logger)
        store = disk
        let environment = AdapterEnvironment(http: http, mail: mail, clock: clock, logger: logger)
        func channel<Adapter: ChannelAdapter>(_ type: Adapter.Type, _ settings: JSONValue) throws -> Channel {
            let settings = try AdapterSettings(settings, specs: type.descriptor.settings)
            return Channel(
                adapter: try type.init(settings: settings, environment: environment),
                policy: ChannelPolicy(type.descriptor, retry: RetryPolicy(jitter: 0), poisonClaims: 10))
        }
        channels = Channels([
            try channel(EmailAdapter.self, ["host": "mail.example", "security": "none", "from": "Dak <hallo@dak.example>"]),
            try channel(WhatsAppAdapter.self, ["phoneNumberID": "1", "accessToken": "token"]),
            try channel(WebhookAdapter.self, ["secret": .string("whsec_" + Base64.encode([UInt8](repeating: 1, count: 24)))]),
        ])
        gate = SuppressionGate(store: store, clock: clock, observer: feed)
        let wake = WakeRelay()
        let factory = DeliveryFactory(channels: channels)
        let intake = MessageIntake(store: store, factory: factory, gate: gate, clock: clock, observer: feed, wake: wake)
        bridge = QuoteBridge(
            store: store, intake: intake, planner: Planner(factory: factory), sealer: TestSealer(), configuration: configuration,
            feed: ActivityFeed(), clock: clock, observer: ObserverGroup([feed, heldUp]))
        control = DeliveryControl(store: store, channels: channels, clock: clock, observer: feed, wake: wake)
        dispatcher = Dispatcher(
            channels: channels, store: store, gate: gate,
            reports: ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: feed, wake: wake),
            configuration: DispatchConfiguration(), clock: clock, observer: feed, wake: wake)
    }

    private func close() async {
        await store.close()
        try? FileManager.default.removeItem(at: folder)
    }

    /// The store's file as it lies there now: what a kill leaves behind.
    var file: URL { folder.appending(path: "store.db") }

    /// Runs the dispatcher beside `body`.
    @discardableResult
    func dispatching<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let service = Task { [dispatcher] in try await dispatcher.run() }
        defer { service.cancel() }
        return try await body()
    }

    // MARK: Rules

    /// Gives the organization one workflow, and a rule that gives it to every lead.
    @discardableResult
    func setWorkflow(_ steps: [Step], organizationID: OrganizationID? = nil) async throws -> Workflow {
        let workflow = workflow("default", steps)
        try await set([workflow], [rule(workflow)], organizationID: organizationID)
        return workflow
    }

    func set(_ workflows: [Workflow], _ rules: [AssignmentRule], organizationID: OrganizationID? = nil) async throws {
        _ = try await store.replaceWorkflows(
            workflows, rules: rules, organizationID: organizationID ?? self.organizationID, expecting: nil, audit: nil)
    }

    func workflow(_ key: String, _ steps: [Step]) -> Workflow {
        Workflow(id: .make(), workflowKey: key, name: key, steps: steps, createdAt: clock.now, updatedAt: clock.now)
    }

    func rule(_ workflow: Workflow, source: String? = nil, priority: Int = 100) -> AssignmentRule {
        AssignmentRule(
            id: .make(), workflowID: workflow.id, name: "r", priority: priority, leadSource: source, createdAt: clock.now,
            updatedAt: clock.now)
    }

    // MARK: Events

    /// Everything there is to say of a quote.
    static let fields: JSONValue = [
        "quoteId": "q-1", "quoteNumber": "2026-7", "leadId": "l-1", "totalCents": 125_000, "consumerName": "Jan de Vries",
        "consumerEmail": "jan@klant.example", "consumerPhone": "06 12345678", "agentName": "Anna", "agentEmail": "anna@dak.example",
        "organizationName": "Dak BV",
    ]

    @discardableResult
    func publish(_ trigger: String, _ more: JSONValue = [:], over base: JSONValue = fields, organizationID: OrganizationID? = nil)
        async throws
        -> PublishAnswer
    {
        try await bridge.publish(
            try QuoteEvent(base.merging(more), trigger: trigger, leavesOut: true), organizationID: organizationID ?? self.organizationID)
    }

    /// A document that does not fit on a full disk.
    static let document: JSONValue = [
        "attachments": [
            [
                "filename": "o.pdf", "contentType": "application/pdf",
                "contentBase64": .string(Base64.encode([UInt8](repeating: 37, count: 100_000))),
            ]
        ]
    ]

    /// Only the quote's id and what is new: what a quote module tells of a quote that the gateway knows.
    static let known: JSONValue = ["quoteId": "q-1"]

    // MARK: Looking

    /// Oldest first.
    func deliveries(_ change: (inout DeliveryQuery) -> Void = { _ in }, organizationID: OrganizationID? = nil) async throws -> [Delivery] {
        var query = DeliveryQuery(organizationID: organizationID ?? self.organizationID, now: clock.now, limit: 500)
        change(&query)
        return try await store.deliveries(query).elements.sorted { $0.id < $1.id }
    }

    func mail(of delivery: Delivery) async throws -> MailContent {
        try MailContent(json: try #require(try await store.content(of: delivery.id)).json())
    }

    func text(of delivery: Delivery) async throws -> String {
        let json = try #require(try await store.content(of: delivery.id)).json()
        return json["text"]?.stringValue ?? ""
    }

    func event(_ id: EventID) async throws -> StoredEvent? { try await store.event(id, organizationID: organizationID)?.0 }

    /// Makes the store's disk full, or takes that back.
    func setDiskFull(_ isFull: Bool) async throws { try await script("PRAGMA max_page_count = \(isFull ? 1 : 1_000_000)") }

    /// How many statements ran so far, on all connections.
    func statements() async throws -> Int {
        var count = try await disk.writer.write { connection throws(StoreError) in connection.executions }
        // The readers take turns.
        for _ in 0..<3 { count += try await disk.readers.read { connection throws(StoreError) in connection.executions } }
        return count
    }

    /// Does to the store's file what nobody should do.
    func script(_ text: String) async throws {
        try await disk.writer.write { connection throws(StoreError) in try connection.script(text) }
    }
}

final class HeldUpLog: DeliveryObserver {
    private let ids = Mutex<[EventID]>([])

    var all: [EventID] { ids.withLock { $0 } }

    func observe(_ event: GatewayEvent) {
        if case .eventHeldUp(let id, _, _) = event { ids.withLock { $0.append(id) } }
    }
}

extension PublishAnswer {
    /// `channel audience outcome reason` of every decision.
    var words: [String] {
        decisions.map { "\($0.channel?.rawValue ?? "-") \($0.audience?.rawValue ?? "-") \($0.outcome.rawValue) \($0.reason.rawValue)" }
    }
}

/// A step with texts, unless told otherwise.
func step(
    _ trigger: String, _ channel: ChannelName = .email, _ audience: Audience = .lead, order: Int = 10, delay: Int = 0, enabled: Bool = true,
    subject: String? = "Offerte {{quote.number}}", body: String? = "Hoi {{lead.name}}", recipients: RecipientConfig? = nil
) -> Step {
    Step(
        id: .make(), trigger: trigger, channel: channel, audience: audience, stepOrder: order, delayMinutes: delay, enabled: enabled,
        recipients: recipients, templateSubject: channel == .email ? subject : nil, templateBody: body)
}

/// Seals as the gateway does.
struct TestSealer: Sealer {
    private static let keyring = try! Keyring(parsing: Keyring.makeLine(id: "t"))

    func seal(_ plain: [UInt8], for context: String) throws(SealingError) -> [UInt8] {
        Self.keyring.seal(plain, associatedData: Array(context.utf8))
    }

    func open(_ sealed: [UInt8], for context: String) throws(SealingError) -> [UInt8] {
        do { return try Self.keyring.open(sealed, associatedData: Array(context.utf8)) } catch { throw .tampered }
    }
}
