import AdapterKit
import GatewayModel
import HTTPTypes
public import Hummingbird
public import Logging
import NIOCore
import QuoteBridge
public import ServiceLifecycle

/// The gateway's HTTP side: every call of the document, the console, and what probes ask for.
public struct GatewayAPI: Sendable {
    let services: GatewayServices
    let configuration: APIConfiguration
    private let logger: Logger
    private let authenticator: Authenticator
    private let clients: ClientAddress
    let limits: CallLimits
    let streams: StreamPlaces

    /// Throws the faults of the configuration, and what is wrong with the keys for signed tokens.
    public init(services: GatewayServices, configuration: APIConfiguration, logger: Logger) async throws {
        self.services = services
        self.configuration = configuration
        self.logger = logger
        var verifier: TokenVerifier?
        if let jwt = configuration.jwt { verifier = try await TokenVerifier(jwt) }
        authenticator = Authenticator(
            store: services.store, spool: services.bridge.spool, verifier: verifier, clock: services.clock)
        clients = try ClientAddress(trustedProxies: configuration.trustedProxies)
        limits = CallLimits(configuration.limits)
        streams = StreamPlaces(configuration.limits)
    }

    /// The routes of all operations.
    public func buildRouter() -> Router<GatewayContext> {
        let router = Router(context: GatewayContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(middleware: Envelope(allowedOrigins: configuration.allowedOrigins, clock: services.clock, stop: services.stop))
        for operation in Operation.allCases where configuration.servesCalls || operation.isProbe {
            let row = operation.row
            let path = row.path.split(separator: "/").map { $0.hasPrefix("{") ? ":" + $0.dropFirst().dropLast() : String($0) }
            router.on(RouterPath("/" + path.joined(separator: "/")), method: row.method) { request, context in
                try await respond(to: operation, request, context)
            }
        }
        return router
    }

    // Not inlined: the optimizer of this compiler fails on the coroutine that all handlers together become.
    @inline(never) private func respond(to operation: Operation, _ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try await admit(request, context, operation.row.access)
        return try await answer(
            Call(
                operation: operation, request: request, context: context, caller: caller,
                address: clients.of(request, peer: context.peer)))
    }

    /// A server for the routes, to be run by whoever runs the gateway.
    ///
    /// - Parameters:
    ///   - grace: how long clients may keep a connection when the server is told to stop.
    ///   - onListening: told the port once connections are accepted.
    public func server(grace: Duration, onListening: @escaping @Sendable (Int) -> Void = { _ in }) -> some Service {
        let connections = Connections()
        let application = Application(
            router: buildRouter(),
            server: .http1(
                configuration: .init(additionalChannelHandlers: [ConnectionWatch(connections)], idleTimeout: .seconds(75))),
            configuration: ApplicationConfiguration(address: .hostname(configuration.host, port: configuration.port)),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) }, logger: logger)
        return Interface(server: application, connections: connections, grace: grace)
    }

    /// Lets a call in: answers its caller where one is asked for, throws 401 or 403.
    private func admit(_ request: Request, _ context: GatewayContext, _ access: Access) async throws -> Caller? {
        switch access {
        case .open, .publicToken: return nil
        case .local:
            if ClientAddress.isLocal(request, peer: context.peer) { return nil }
            return try Self.hold(try await authenticator.caller(request), to: [.operator])
        case .roles(let roles):
            let caller = try await authenticator.caller(request)
            try limits.count(caller, at: services.clock.now)
            return try Self.hold(caller, to: roles)
        }
    }

    private static func hold(_ caller: Caller, to roles: Set<Role>) throws(APIError) -> Caller {
        guard caller.roles.isDisjoint(with: roles) else { return caller }
        let names = roles.map(\.rawValue).sorted().joined(separator: ", ")
        throw APIError(.forbidden, "This call is for the roles \(names).")
    }
}
