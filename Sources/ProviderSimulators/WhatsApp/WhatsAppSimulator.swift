public import AdapterKit
public import NIOCore
import NIOPosix

/// A WhatsApp Cloud API on a real socket that takes messages, or misbehaves by script or by number.
///
/// It checks the token and the shape of every request. A script's rules come first; then numbers of the unassigned country code 999 have a
/// meaning of their own: `+9991131026` is refused with error 131026, `+9992503002` with status 503 and `Retry-After: 2`, `+9993000002` is
/// received and its answer lost, `+9995131026` is accepted and reported as failed.
public final class WhatsAppSimulator: Sendable {
    private let listener: Listener
    private let api: CloudAPI

    private init(listener: Listener, api: CloudAPI) {
        self.listener = listener
        self.api = api
    }

    /// Listens on `host` and `port`, where 0 lets the system choose one. Throws when it cannot.
    public static func start(
        host: String = "127.0.0.1", port: Int = 0, options: Options = Options(), script: [WhatsAppRule] = [],
        eventLoopGroup: (any EventLoopGroup)? = nil, clock: any WallClock = SystemClock()
    ) async throws -> WhatsAppSimulator {
        let group = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        let callbacks = StatusCallbacks(url: options.callbackURL, appSecret: options.appSecret, group: group)
        let api = CloudAPI(options: options, script: script, callbacks: callbacks)
        let listener = try await Listener.start(host: host, port: port, group: group) { channel, number in
            try HTTPServerHandler.install(on: channel, connection: number, gate: api.gate, clock: clock) { api.react(to: $0) }
        }
        callbacks.start()
        return WhatsAppSimulator(listener: listener, api: api)
    }

    public var port: Int { listener.port }

    /// The base URL for the adapter's settings, with a version.
    public var url: String { "http://\(listener.host):\(port)/v23.0" }

    /// How many connections were accepted so far.
    public var connections: Int { listener.accepted }

    /// How many messages were taken so far, their answers lost or not.
    public var count: Int { api.messages.count }

    /// The messages taken so far; empty when none are kept.
    public func received() -> [Received] { api.messages.records }

    /// Returns as soon as `count` messages were taken in all.
    ///
    /// Throws `SimulatorError.timedOut` after `timeout`, `.stopped` when the simulator stops, and `CancellationError` when the task is
    /// cancelled.
    public func waitForCount(_ count: Int, timeout: Duration) async throws {
        try await api.messages.wait(for: count, timeout: timeout, timer: listener.eventLoop)
    }

    /// Replaces the script, for every connection and at once; its rules count and hold from the beginning again.
    public func setScript(_ rules: [WhatsAppRule]) { api.setScript(rules) }

    /// Lets go what the script holds, and what it would hold from now on.
    public func release() { api.gate.open() }

    /// Sends status callbacks there from now on, or none; only plain HTTP is spoken.
    public func setCallbackURL(_ url: WebURL?) { api.callbacks.setURL(url) }

    /// How many callbacks were answered 200 so far.
    public var callbackCount: Int { api.callbacks.delivered.count }

    /// Returns as soon as `count` callbacks were answered 200 in all; throws as `waitForCount` does.
    public func waitForCallbacks(_ count: Int, timeout: Duration) async throws {
        try await api.callbacks.delivered.wait(for: count, timeout: timeout, timer: listener.eventLoop)
    }

    /// Asks the callback address for the challenge, as Meta does at registration. Throws when it does not give it.
    public func verifyCallback() async throws { try await api.callbacks.verify(token: api.options.verifyToken) }

    /// Closes the socket and every connection, and ends callbacks and waits; once more does no harm.
    public func stop() async {
        await listener.stop()
        await api.callbacks.stop()
        api.messages.close()
    }
}
