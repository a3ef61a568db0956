public import AdapterKit
public import NIOCore
import NIOPosix
import NIOSSL

/// An SMTP server on a real socket that behaves, or misbehaves by script.
///
/// It takes mail for anybody. A script's rules come first; then some recipients have a meaning of their own: a local part that contains
/// `bounce` is refused with 550 5.1.1, `greylist` with 451 4.7.1 the first time, `full` with 452 4.2.2, and `slow` is taken late.
public final class SMTPSimulator: Sendable {
    private let listener: Listener
    private let mailbox: SMTPMailbox

    private init(listener: Listener, mailbox: SMTPMailbox) {
        self.listener = listener
        self.mailbox = mailbox
    }

    /// Listens on `host` and `port`, where 0 lets the system choose one. Throws when it cannot listen or cannot read the certificate.
    public static func start(
        host: String = "127.0.0.1", port: Int = 0, options: Options = Options(), script: [SMTPRule] = [],
        eventLoopGroup: (any EventLoopGroup)? = nil, clock: any WallClock = SystemClock()
    ) async throws -> SMTPSimulator {
        let mailbox = SMTPMailbox(options: options, script: script, clock: clock)
        let context = try await options.certificate?.context()
        let group = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        let listener = try await Listener.start(host: host, port: port, group: group) { channel, number in
            if options.isTLSImplicit, let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
            let session = SMTPServerSession(mailbox: mailbox, connection: number, isEncrypted: options.isTLSImplicit)
            try channel.pipeline.syncOperations.addHandler(SMTPServerHandler(session: session, tls: context))
        }
        return SMTPSimulator(listener: listener, mailbox: mailbox)
    }

    public var host: String { listener.host }
    public var port: Int { listener.port }

    /// How many connections were accepted so far.
    public var connections: Int { listener.accepted }

    /// How many messages were taken so far.
    public var count: Int { mailbox.mails.count }

    /// The messages taken so far, in the order of their final dots; empty when none are kept.
    public func received() -> [ReceivedMail] { mailbox.mails.records }

    /// Returns as soon as `count` messages were taken in all.
    ///
    /// Throws `SimulatorError.timedOut` after `timeout`, `.stopped` when the simulator stops, and `CancellationError` when the task is
    /// cancelled.
    public func waitForCount(_ count: Int, timeout: Duration) async throws {
        try await mailbox.mails.wait(for: count, timeout: timeout, timer: listener.eventLoop)
    }

    /// Replaces the script, for every connection and at once; its rules count and hold from the beginning again.
    public func setScript(_ rules: [SMTPRule]) { mailbox.setScript(rules) }

    /// Lets go what the script holds, and what it would hold from now on.
    public func release() { mailbox.gate.open() }

    /// Closes the socket and every connection, and ends every wait; once more does no harm.
    public func stop() async {
        await listener.stop()
        mailbox.mails.close()
    }
}
