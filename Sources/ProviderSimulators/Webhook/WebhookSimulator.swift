public import AdapterKit
public import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A webhook receiver on a real socket that answers 200, or misbehaves by script or by path.
///
/// A script's rules come first; then some paths have a meaning of their own: `/status/503`, `/slow`, `/redirect`, `/hang`, `/close`,
/// `/reset`, `/garbage` and `/partial`.
public final class WebhookSimulator: Sendable {
    public struct Options: Sendable {
        /// Standard Webhooks form, `whsec_` and Base64; requests are verified with it.
        public var secret: Secret?
        /// Keeps what was received; without, requests are only counted, for benchmarks.
        public var keepRequests = true
        /// How long `/slow` takes.
        public var slowDelay: Duration = .seconds(2)
        /// With a certificate the simulator speaks https, else http.
        public var certificate: ServerCertificate?

        public init() {}
    }

    /// A request, and what came of it.
    public struct Received: Hashable, Sendable {
        public var request: ReceivedRequest
        /// Its signature is right and recent; `false` when the simulator has no secret.
        public var verified: Bool
        /// The status that it is answered with; `nil` when no status line goes out.
        public var status: Int?
    }

    private let listener: Listener
    private let inbox: Inbox

    private init(listener: Listener, inbox: Inbox) {
        self.listener = listener
        self.inbox = inbox
    }

    /// Listens on `host` and `port`, where 0 lets the system choose one.
    ///
    /// Throws when it cannot listen or cannot read the certificate, and `Fault` for a malformed secret.
    public static func start(
        host: String = "127.0.0.1", port: Int = 0, options: Options = Options(), script: [WebhookRule] = [],
        eventLoopGroup: (any EventLoopGroup)? = nil, clock: any WallClock = SystemClock()
    ) async throws -> WebhookSimulator {
        let inbox = try Inbox(options: options, script: script)
        let tls = try await options.certificate?.context()
        let group = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        let listener = try await Listener.start(host: host, port: port, group: group) { channel, number in
            if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
            try HTTPServerHandler.install(on: channel, connection: number, gate: inbox.gate, clock: clock) { inbox.take($0) }
        }
        return WebhookSimulator(listener: listener, inbox: inbox)
    }

    public var port: Int { listener.port }

    /// The address to register, without a path.
    public var url: String { "\(inbox.options.certificate == nil ? "http" : "https")://\(listener.host):\(port)" }

    /// How many connections were accepted so far.
    public var connections: Int { listener.accepted }

    /// How many requests were read whole so far, however they were answered.
    public var count: Int { inbox.requests.count }

    /// The requests read whole so far; empty when none are kept.
    public func received() -> [Received] { inbox.requests.records }

    /// Returns as soon as `count` requests were read in all.
    ///
    /// Throws `SimulatorError.timedOut` after `timeout`, `.stopped` when the simulator stops, and `CancellationError` when the task is
    /// cancelled.
    public func waitForCount(_ count: Int, timeout: Duration) async throws {
        try await inbox.requests.wait(for: count, timeout: timeout, timer: listener.eventLoop)
    }

    /// Replaces the script, for every connection and at once; its rules count and hold from the beginning again.
    public func setScript(_ rules: [WebhookRule]) { inbox.setScript(rules) }

    /// Lets go what the script holds, and what it would hold from now on.
    public func release() { inbox.gate.open() }

    /// Closes the socket and every connection, and ends every wait; once more does no harm.
    public func stop() async {
        await listener.stop()
        inbox.requests.close()
    }
}

extension WebhookSimulator {
    /// What the connections share.
    private final class Inbox: Sendable {
        let requests: Recorder<Received>
        let gate = HoldGate()
        let options: Options
        private let verifier: StandardWebhooksVerifier?
        private let script: Mutex<RuleScript<WebhookRule>>

        init(options: Options, script: [WebhookRule]) throws {
            if let secret = options.secret {
                guard let verifier = StandardWebhooksVerifier(secret: secret.reveal()) else {
                    throw Fault("secret", "is not whsec_ and Base64")
                }
                self.verifier = verifier
            } else {
                verifier = nil
            }
            self.options = options
            self.script = Mutex(RuleScript(script))
            requests = Recorder(keepsRecords: options.keepRequests)
        }

        func setScript(_ rules: [WebhookRule]) {
            gate.close()
            script.withLock { $0 = RuleScript(rules) }
        }

        func take(_ request: ReceivedRequest) -> HTTPReaction {
            let ruled = script.withLock { script in script.take { request.path.hasPrefix($0.path) }?.reaction }
            let reaction = ruled ?? MagicPath.reaction(to: request, slowDelay: options.slowDelay) ?? .answer(HTTPAnswer(200))
            requests.append(
                Received(request: request, verified: verifier?.isGenuine(request) ?? false, status: reaction.status))
            return reaction
        }
    }
}
