public import AdapterKit
import CurlTransport
public import GatewayAPI
public import GatewayCore
import GatewayModel
public import Logging
import NIOPosix
public import QuoteBridge
import RedisCoordination
import SMTPTransport
import SQLiteStore
public import ServiceLifecycle
import Signing
import WorkflowEngine

/// A whole gateway, from its configuration to running services: for the daemon, and for a Swift host that runs it in-process.
public final class GatewayRuntime: Service {
    public enum Role: String, Hashable, Sendable, CaseIterable {
        case api, dispatcher, maintenance
    }

    /// What the HTTP interface works on; a host in the same process may use it too.
    public let services: GatewayServices
    /// Takes in quote events in-process.
    public var bridge: QuoteBridge { services.bridge }
    /// What the command line may do to the store, in-process.
    public var administration: Administration { Administration(store: store, clock: services.clock) }
    /// Every change of a delivery, as it happens.
    public var feed: StatusFeed { services.feed }

    private let configuration: GatewayConfiguration
    private let roles: Set<Role>
    private let store: SQLiteStore
    private let transports: Transports
    private let parts: Parts
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void

    private struct Transports: Sendable {
        var http: CurlTransport
        var mail: SMTPTransport
    }

    private struct Parts: Sendable {
        var dispatcher: Dispatcher
        var maintenance: Maintenance
        /// What ties this node to others, where there may be any.
        var coordination: [any Service] = []
    }

    /// Opens the store and puts everything together; nothing runs yet.
    ///
    /// - Parameters:
    ///   - adapters: the installed channels.
    ///   - onListening: called with the port once the HTTP interface answers.
    /// - Throws: `Faults` of the channels' settings, or a `StoreError`.
    public init(
        _ configuration: GatewayConfiguration, adapters: [any ChannelAdapter.Type], roles: Set<Role> = Set(Role.allCases),
        clock: any WallClock = SystemClock(), logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws {
        self.configuration = configuration
        self.roles = roles
        self.logger = logger
        self.onListening = onListening
        let http = CurlTransport(configuration: CurlConfiguration())
        let mail = SMTPTransport(configuration: SMTPConfiguration(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        transports = Transports(http: http, mail: mail)

        let environment = AdapterEnvironment(http: http, mail: mail, clock: clock, logger: logger)
        let channels = try Self.channels(configuration, adapters: adapters, environment: environment)
        let keyring = try Keyring(parsing: configuration.keyring.reveal())
        store = try await SQLiteStore(
            path: configuration.storePath, clock: clock, logger: logger, migrate: configuration.appliesMigrations ? .apply : .verify)

        let metrics = Metrics(clock: clock)
        let feed = StatusFeed()
        let hasher = KeyedAddressHasher(keyring)
        let redis = configuration.redis.map { RedisCoordination($0, hasher: hasher, clock: clock, logger: logger) }
        var observers: [any DeliveryObserver] = [metrics, LogObserver(logger, hasher: hasher), feed]
        if let redis { observers.append(ChangeFanOut(feed: feed, store: store, transport: redis, clock: clock)) }
        let observer = ObserverGroup(observers)
        let wake = WakeRelay()
        let gate = SuppressionGate(store: store, clock: clock, observer: observer)
        let factory = DeliveryFactory(channels: channels)
        let intake = MessageIntake(store: store, factory: factory, gate: gate, clock: clock, observer: observer, wake: wake)
        let reports = ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: observer, wake: wake)
        let bridge = QuoteBridge(
            store: store, intake: intake, planner: Planner(factory: factory), sealer: KeyringSealer(keyring),
            configuration: configuration.quotes, feed: ActivityFeed(), clock: clock, observer: observer)
        var services = GatewayServices(
            store: store, intake: intake,
            control: DeliveryControl(store: store, channels: channels, clock: clock, observer: observer, wake: wake), gate: gate,
            reports: reports, channels: channels, bridge: bridge, metrics: metrics, feed: feed, observer: observer, clock: clock)
        services.coordination = redis
        self.services = services
        parts = Parts(
            dispatcher: Dispatcher(
                channels: channels, store: store, gate: gate, reports: reports, configuration: configuration.dispatch, clock: clock,
                observer: observer, wake: wake, coordination: redis.map { Coordination(rates: $0, circuits: $0) }),
            // The embedded store is this process's alone: nobody else makes leases or deadlines.
            maintenance: Maintenance(
                store: store, channels: channels, reports: reports, retention: configuration.retention, longestWait: nil, clock: clock,
                observer: observer, wake: wake),
            coordination: redis.map { [$0, WakeExchange(wake, over: [$0], poll: nil, clock: clock)] } ?? [])
    }

    private static func channels(
        _ configuration: GatewayConfiguration, adapters: [any ChannelAdapter.Type], environment: AdapterEnvironment
    ) throws(Faults) -> Channels {
        var channels: [Channel] = []
        var faults: [Fault] = []
        for type in adapters {
            guard let section = configuration.channels[type.descriptor.channel] else { continue }
            do {
                channels.append(
                    Channel(adapter: try type.init(settings: section.settings, environment: environment), policy: section.policy))
            } catch {
                faults += error.list.map { Fault("channels.\(type.descriptor.channel).\($0.path)", $0.message) }
            }
        }
        if !faults.isEmpty { throw Faults(faults) }
        return Channels(channels, installed: adapters.map { $0.descriptor })
    }

    /// Runs until it is told to stop: the interface stops accepting, attempts get their grace, leases are given back, the store closes last.
    public func run() async throws {
        defer { logger.notice("stopped") }
        let control = ControlSocket(
            path: ControlSocket.path(forStore: configuration.storePath), administration: administration, logger: logger)
        // What is listed last stops first.
        var running: [any Service] = [control] + parts.coordination
        if roles.contains(.maintenance) {
            running += [parts.maintenance, DeferredPlanning(bridge: services.bridge, clock: services.clock)] as [any Service]
        }
        if roles.contains(.dispatcher) { running.append(parts.dispatcher) }
        running.append(try await api())
        let group = ServiceGroup(
            configuration: .init(
                services: running.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) }, logger: logger))
        do {
            try await withGracefulShutdownHandler {
                try await group.run()
            } onGracefulShutdown: {
                self.logger.notice("stopping")
                Task { await group.triggerGracefulShutdown() }
            }
        } catch {
            await close()
            throw error
        }
        await close()
    }

    private func api() async throws -> any Service {
        var api = APIConfiguration(configuration)
        api.servesCalls = roles.contains(.api)
        return try await GatewayAPI(services: services, configuration: api, logger: logger).application(onListening: onListening)
    }

    /// Ends transports and store; for a runtime that never ran.
    public func close() async {
        await transports.http.shutdown()
        await transports.mail.shutdown()
        await store.close()
    }
}

extension APIConfiguration {
    init(_ configuration: GatewayConfiguration) {
        self.init(
            host: configuration.http.host, port: configuration.http.port, trustedProxies: configuration.http.trustedProxies,
            allowedOrigins: configuration.http.allowedOrigins,
            limits: .init(
                unknownTokensPerMinute: configuration.limits.publicUnknownTokensPerMinute,
                callsPerTokenPerMinute: configuration.limits.publicCallsPerTokenPerMinute,
                requestsPerSecond: configuration.limits.requestsPerSecond),
            jwt: configuration.jwt)
    }
}
