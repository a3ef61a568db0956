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
    public var administration: Administration { Administration(store: opened.store, clock: opened.clock) }
    /// Every change of a delivery, as it happens.
    public var feed: StatusFeed { services.feed }

    private let configuration: GatewayConfiguration
    private let roles: Set<Role>
    private let opened: OpenedStore
    private let transports: Transports
    private let parts: Parts
    private let spooling: SpoolWork?
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void

    private struct Transports: Sendable {
        var http: CurlTransport
        var mail: SMTPTransport

        func shutdown() async {
            await http.shutdown()
            await mail.shutdown()
        }
    }

    private struct Parts: Sendable {
        var dispatcher: Dispatcher
        var maintenance: Maintenance
        var wake: WakeRelay
        /// What ties this node to others, where there may be any.
        var coordination: [any Service] = []
    }

    /// Opens the store and puts everything together; nothing runs yet.
    ///
    /// - Parameters:
    ///   - adapters: the installed channels.
    ///   - clock: nil for that of the store: the machine's, or the database's where several daemons share one.
    ///   - onListening: called with the port once the HTTP interface answers.
    /// - Throws: `Faults` of the channels' settings or of a keyring that is not the store's, or a `StoreError`.
    public init(
        _ configuration: GatewayConfiguration, adapters: [any ChannelAdapter.Type], roles: Set<Role> = Set(Role.allCases),
        clock: (any WallClock)? = nil, logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws {
        self.configuration = configuration
        self.roles = roles
        self.logger = logger
        self.onListening = onListening
        let http = CurlTransport(configuration: CurlConfiguration())
        let mail = SMTPTransport(configuration: SMTPConfiguration(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        transports = Transports(http: http, mail: mail)

        let environment = AdapterEnvironment(http: http, mail: mail, clock: clock ?? SystemClock(), logger: logger)
        let (channels, keyring, opened): (Channels, Keyring, OpenedStore)
        do {
            channels = try Self.channels(configuration, adapters: adapters, environment: environment)
            keyring = try Keyring(parsing: configuration.keyring.reveal())
            opened = try await Self.open(configuration, keyring, clock: clock, logger: logger)
        } catch {
            await self.transports.shutdown()
            throw error
        }
        self.opened = opened
        let (store, clock) = (opened.store, opened.clock)

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
        do {
            spooling = try await SpoolWork(configuration, opened, channels: channels, keyring: keyring, observer: observer, logger: logger)
        } catch {
            await self.transports.shutdown()
            await store.close()
            throw error
        }
        let bridge = QuoteBridge(
            store: store, intake: intake, planner: Planner(factory: factory), sealer: KeyringSealer(keyring),
            configuration: configuration.quotes, feed: ActivityFeed(), clock: clock, observer: observer,
            spool: spooling?.spool)
        var services = GatewayServices(
            store: store, intake: intake,
            control: DeliveryControl(store: store, channels: channels, clock: clock, observer: observer, wake: wake), gate: gate,
            reports: reports, channels: channels, bridge: bridge, metrics: metrics, feed: feed, observer: observer, clock: clock)
        services.coordination = redis
        self.services = services
        let dispatcher = Dispatcher(
            channels: channels, store: store, gate: gate, reports: reports, configuration: configuration.dispatch, clock: clock,
            observer: observer, wake: wake, coordination: redis.map { Coordination(rates: $0, circuits: $0) })
        var parts = Parts(
            dispatcher: dispatcher,
            // The embedded store is this process's alone: nobody else makes leases or deadlines.
            maintenance: Maintenance(
                store: store, channels: channels, reports: reports, retention: configuration.retention,
                longestWait: opened.shared == nil ? nil : .seconds(10), clock: clock, observer: observer, wake: wake,
                isHeldHere: dispatcher.holds),
            wake: wake)
        let wakes = PostgresWakes(opened, at: configuration.store, logger: logger)
        let transports: [(any WakeTransport & Service)?] = [redis, wakes]
        parts.coordination = transports.compactMap { $0 }
        if !parts.coordination.isEmpty {
            parts.coordination.append(WakeExchange(wake, over: transports.compactMap { $0 }, poll: nil, clock: clock))
        }
        self.parts = parts
    }

    /// Opens the store, unless the keyring is not the one that it was written with.
    private static func open(
        _ configuration: GatewayConfiguration, _ keyring: Keyring, clock: (any WallClock)?, logger: Logger
    ) async throws -> OpenedStore {
        let opened = try await OpenedStore(
            configuration.store, clock: clock, logger: logger, appliesMigrations: configuration.appliesMigrations,
            spool: configuration.spool)
        if let fault = await SealingCheck(store: opened.store, sealer: KeyringSealer(keyring)).fault() {
            await opened.store.close()
            throw Faults([Fault("secrets.keyring", "does not open what the store holds: \(fault)")])
        }
        return opened
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
    ///
    /// - Throws: a `ListeningError` when the interface cannot listen where it should.
    public func run() async throws {
        defer { logger.notice("stopped") }
        do { try await work() } catch {
            await close()
            throw error
        }
        await close()
    }

    /// How much longer than the grace anything may take to stop.
    private static let overtime = Duration.seconds(5)

    private func work() async throws {
        var running: [any Service] = []
        if case .embedded(let path) = configuration.store {
            running.append(ControlSocket(path: ControlSocket.path(forStore: path), administration: administration, logger: logger))
        }
        if roles.contains(.maintenance) { running += maintenance() }
        if roles.contains(.dispatcher) {
            running.append(parts.dispatcher)
            if let shared = opened.shared {
                running.append(
                    SharedWork(store: shared, channels: services.channels.all.map(\.name), wake: parts.wake, clock: opened.clock))
            }
        }
        if let spooling {
            running += spooling.services(services.bridge)
            if let late = spooling.lateOpening(opened, appliesMigrations: configuration.appliesMigrations) { running.append(late) }
        }
        running.append(try await api())
        // What is listed last stops first: other nodes still hear how the last attempts ended.
        var order = ServiceGroupConfiguration(
            services: (parts.coordination + [Together(services: running)]).map {
                .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
            }, logger: logger)
        order.maximumGracefulShutdownDuration = configuration.dispatch.grace + Self.overtime
        let group = ServiceGroup(configuration: order)
        // Detached, or whoever stops this service would stop those within at once.
        let task = Task.detached { try await group.run() }
        do {
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    try await task.value
                } onGracefulShutdown: {
                    self.logger.notice("stopping")
                    self.services.stop.raise()
                    Task {
                        try? await Task.sleep(for: self.configuration.drain)
                        await group.triggerGracefulShutdown()
                    }
                }
            } onCancel: {
                task.cancel()
            }
        } catch  where services.stop.isRaised {
            // It was to end, and it has.
            logger.warning("a part of the gateway was cut off", metadata: ["error": "\(type(of: error))"])
        }
    }

    /// What one daemon does for all: this one, or of several the one that leads.
    private func maintenance() -> [any Service] {
        let deferred = DeferredPlanning(
            bridge: services.bridge, clock: services.clock, longestWait: opened.shared == nil ? nil : .seconds(30))
        guard let shared = opened.shared else { return [parts.maintenance, deferred] }
        let entries = EntryIntake(store: shared, bridge: services.bridge, intake: services.intake, clock: opened.clock, logger: logger)
        return [LeaderWork(store: shared, logger: logger, services: [parts.maintenance, deferred, entries])]
    }

    private func api() async throws -> any Service {
        var api = APIConfiguration(configuration)
        api.servesCalls = roles.contains(.api)
        let interface = try await GatewayAPI(services: services, configuration: api, logger: logger)
            .server(grace: configuration.dispatch.grace, onListening: onListening)
        return Listening(interface: interface, host: api.host, port: api.port)
    }

    /// Ends transports and store; for a runtime that never ran.
    public func close() async {
        await transports.shutdown()
        await spooling?.close()
        await opened.store.close()
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
