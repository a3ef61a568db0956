import AdapterKit
import Logging
import NIOCore
import NIOSSL

/// Runs one session on one channel: bytes to replies, actions to bytes. Lives on its event loop alone; others hold a `Reference`.
final class SMTPConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A connection as other threads may hold it.
    struct Reference: Sendable {
        let id: ObjectIdentifier
        private let connection: NIOLoopBound<SMTPConnection>

        init(_ connection: SMTPConnection) {
            id = ObjectIdentifier(connection)
            self.connection = NIOLoopBound(connection, eventLoop: connection.eventLoop)
        }

        func begin(_ job: SMTPJob) { connection.eventLoop.execute { connection.value.begin(job) } }
        func abort(_ job: SMTPJob) { connection.eventLoop.execute { connection.value.abort(job) } }
        func retire() { connection.eventLoop.execute { connection.value.retire() } }
    }

    private let server: MailServer
    private let configuration: SMTPConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// Gone when the transport is; the connection then just closes.
    private weak var pool: SMTPPool?

    private var session: SMTPSession
    private var decoder = SMTPReplyDecoder()
    private var job: SMTPJob?
    private var body: OutgoingBody?
    private var tls: NIOSSLContext?
    private var context: ChannelHandlerContext?
    private var isDead = false

    private var due = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?
    private var timerFires = NIODeadline.distantFuture

    init(server: MailServer, configuration: SMTPConfiguration, eventLoop: any EventLoop, pool: SMTPPool, logger: Logger) {
        self.server = server
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.pool = pool
        self.logger = logger
        session = SMTPSession(server: server)
    }

    private var reference: Reference { Reference(self) }

    // MARK: - From the pool

    /// Connects for its first job.
    func open(for job: SMTPJob, with dialer: SMTPDialer) {
        guard job.assign(reference) else { return die() }
        self.job = job
        arm()
        dialer.dial(server, on: eventLoop, until: due).assumeIsolated().whenComplete { self.dialed($0) }
    }

    private func begin(_ job: SMTPJob) {
        guard !isDead else {
            pool?.submit(job)
            return
        }
        guard job.assign(reference) else {
            perform(afterwards())
            return
        }
        self.job = job
        perform(start(job))
    }

    private func abort(_ job: SMTPJob) {
        guard self.job === job else { return job.complete(.cancelled) }
        if session.phase == .finalDot {
            finish(.failed(MailFailure(.closed, "the try was cut off"), in: .finalDot))
        } else {
            job.complete(.cancelled)
        }
        die()
    }

    private func retire() {
        if !isDead { perform(session.quit()) }
    }

    private func dialed(_ result: Result<SMTPDialer.Line, any Error>) {
        switch result {
        case .failure(let error):
            guard !isDead else { return }
            let known = error as? SMTPDialer.Failure ?? SMTPDialer.Failure(.connect, "the connection could not be made")
            perform(session.failed(known.failure, in: known.phase))
        case .success(let line):
            guard !isDead else {
                line.channel.close(promise: nil)
                return
            }
            tls = line.tls
            do {
                try line.channel.pipeline.syncOperations.addHandler(self)
                perform(session.connected())
                if server.security == .tls { try addTLS(to: line.channel.pipeline) }
                try line.channel.syncOptions?.setOption(.autoRead, value: true)
            } catch {
                if !isDead { perform(session.tlsFailed("TLS could not be set up")) }
                line.channel.close(promise: nil)
            }
        }
    }

    private func addTLS(to pipeline: ChannelPipeline) throws {
        guard let tls else { throw SMTPDialer.Failure(.tls, "no context", in: .tls) }
        try pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: server.certificateName), position: .first)
    }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data).readableBytesView)
        while !isDead {
            do {
                guard let reply = try decoder.next() else { return }
                perform(session.received(reply, followedByMore: decoder.hasPending))
            } catch {
                perform(session.violated(error.message))
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // While the handshake runs, the TLS handler sends one event: that it is complete.
        if !(event is ChannelEvent), session.state == .handshaking { perform(session.tlsEstablished()) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, body != nil, !isDead {
            arm()
            writeBody()
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isDead { perform(session.closed()) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isDead else { return }
        perform(session.tlsFailed("the TLS handshake failed"))
    }

    // MARK: - Actions

    private func start(_ job: SMTPJob) -> SMTPAction {
        if let envelope = job.envelope { return session.begin(envelope) }
        finish(.accepted(session.openingReply ?? SMTPReply(code: 250), recipients: []))
        return session.quit()
    }

    private func finish(_ result: MailResult) {
        job?.complete(.result(result))
        job = nil
    }

    private func perform(_ first: SMTPAction) {
        var action = first
        while true {
            switch action {
            case .wait: return arm()
            case .send(let text):
                arm()
                return write(text)
            case .startTLS:
                arm()
                do {
                    guard let context else { throw ChannelError.ioOnClosedChannel }
                    return try addTLS(to: context.pipeline)
                } catch {
                    action = session.tlsFailed("TLS could not be set up")
                }
            case .opened:
                guard let job else {
                    action = afterwards()
                    continue
                }
                action = start(job)
            case .sendBody:
                body = job?.envelope.map { OutgoingBody($0.data) }
                arm()
                return writeBody()
            case .finish(let result, let thenClose):
                if thenClose {
                    finish(result)
                    return die()
                }
                // Whoever learns the result must find this connection free already, or would open another.
                let ended = job
                job = nil
                action = afterwards()
                ended?.complete(.result(result))
            case .stale:
                let job = self.job
                self.job = nil
                return die(retrying: job)
            case .close: return die()
            }
        }
    }

    /// What to do between transactions: the next job that waits, or rest, or leave.
    private func afterwards() -> SMTPAction {
        guard session.served < configuration.messagesPerConnection, let pool else { return session.quit() }
        while true {
            switch pool.next(for: reference, of: server) {
            case .job(let next):
                guard next.assign(reference) else { continue }
                job = next
                return start(next)
            case .rest: return .wait
            case .leave: return session.quit()
            }
        }
    }

    private func write(_ text: String) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: text)), promise: nil)
    }

    private func writeBody() {
        guard let context else { return }
        while !isDead, body != nil, context.channel.isWritable {
            var buffer = context.channel.allocator.buffer(capacity: OutgoingBody.blockBytes + 1024)
            guard body?.nextBlock(to: &buffer) == true else {
                context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
                continue
            }
            body = nil
            // Kept only when the whole block was handed to the socket, so before that the final dot is provably not out.
            let promise = eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess {
                if !self.isDead { self.perform(self.session.bodySent()) }
            }
            context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
        }
    }

    /// Closes at once and gives the place in the pool back.
    private func die(retrying job: SMTPJob? = nil) {
        guard !isDead else { return }
        isDead = true
        logger.debug("connection closed", metadata: ["phase": "\(session.phase.rawValue)", "served": "\(session.served)"])
        timer?.cancel()
        timer = nil
        body = nil
        self.job = nil
        context?.close(promise: nil)
        pool?.closed(reference, of: server, retrying: job)
    }

    // MARK: - Time

    /// Sets when the present phase must have ended. The timer moves only to fire earlier: most phases end long before it would.
    private func arm() {
        guard !isDead else { return }
        let limit =
            session.state == .idle
            ? configuration.idle : session.state == .quitting ? configuration.quit : configuration.limit(in: session.phase)
        due = min(.now() + TimeAmount(limit), job?.deadline ?? .distantFuture)
        if timer == nil || due < timerFires { schedule() }
    }

    private func schedule() {
        timer?.cancel()
        timerFires = due
        timer = eventLoop.assumeIsolated().scheduleTask(deadline: due) { self.tick() }
    }

    private func tick() {
        timer = nil
        guard !isDead else { return }
        if NIODeadline.now() < due { return schedule() }
        if session.state == .idle, pool?.withdraw(reference, of: server) == false {
            // A job was just given to it and is on its way here.
            return
        }
        perform(session.timedOut())
    }
}
