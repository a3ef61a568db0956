import AdapterKit
import NIOCore
import NIOHTTP1

/// Gathers each request of one connection and does what the simulator answers to it.
final class HTTPServerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    typealias Responder = @Sendable (ReceivedRequest) -> HTTPReaction

    /// Beyond it a request is refused with 413.
    private static let maximumBody = 16 * 1024 * 1024

    private let connection: Int
    private let raw: RawBytesHandler
    private let clock: any WallClock
    private let gate: HoldGate
    private let respond: Responder
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isOversized = false
    private var timer: Scheduled<Void>?
    private var isGone = false

    private init(connection: Int, raw: RawBytesHandler, gate: HoldGate, clock: any WallClock, respond: @escaping Responder) {
        self.connection = connection
        self.raw = raw
        self.gate = gate
        self.clock = clock
        self.respond = respond
    }

    /// The pipeline of a simulator's connection: keep-alive, pipelined requests one at a time, 400 for what is not HTTP.
    static func install(
        on channel: any Channel, connection: Int, gate: HoldGate, clock: any WallClock, respond: @escaping Responder
    ) throws {
        let raw = RawBytesHandler()
        try channel.pipeline.syncOperations.addHandler(raw)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
        try channel.pipeline.syncOperations.addHandler(
            HTTPServerHandler(connection: connection, raw: raw, gate: gate, clock: clock, respond: respond))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
            isOversized = false
            if head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" }) {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
            }
        case .body(var bytes):
            guard !isOversized else { return }
            body.writeBuffer(&bytes)
            isOversized = body.readableBytes > Self.maximumBody
        case .end:
            guard let head else { return }
            self.head = nil
            perform(isOversized ? .answer(HTTPAnswer(413)) : respond(request(head)), keepAlive: head.isKeepAlive, context)
        }
    }

    private func request(_ head: HTTPRequestHead) -> ReceivedRequest {
        ReceivedRequest(
            method: head.method.rawValue, target: head.uri, headers: head.headers.map { HTTPHeader($0.name, $0.value) },
            body: Array(body.readableBytesView), connection: connection, receivedAt: clock.now)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isGone = true
        timer?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func perform(_ reaction: HTTPReaction, keepAlive: Bool, _ context: ChannelHandlerContext) {
        switch reaction {
        case .answer(let answer): send(answer, keepAlive: keepAlive, context)
        case .partial(let answer):
            raw.send(Self.half(of: answer), context.channel)
            context.close(promise: nil)
        case .fault(.close): context.close(promise: nil)
        case .fault(.reset): context.channel.reset()
        case .fault(.hang): break
        case .fault(.garbage): perform(.raw(WireFault.garbageBytes, thenClose: true), keepAlive: keepAlive, context)
        case .raw(let bytes, let thenClose):
            raw.send(bytes, context.channel)
            if thenClose { context.close(promise: nil) }
        case .after(let duration, let next):
            timer = context.eventLoop.scheduleTask(in: TimeAmount(duration), later(next, keepAlive: keepAlive, context))
        case .held(let next):
            let goOn = later(next, keepAlive: keepAlive, context)
            let eventLoop = context.eventLoop
            gate.pass { eventLoop.execute(goOn) }
        }
    }

    private func later(_ reaction: HTTPReaction, keepAlive: Bool, _ context: ChannelHandlerContext) -> @Sendable () -> Void {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        return {
            let (handler, context) = bound.value
            if !handler.isGone { handler.perform(reaction, keepAlive: keepAlive, context) }
        }
    }

    private func send(_ answer: HTTPAnswer, keepAlive: Bool, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status))
        for header in answer.headers { head.headers.add(name: header.name, value: header.value) }
        if head.status.mayHaveResponseBody { head.headers.replaceOrAdd(name: "content-length", value: String(answer.body.count)) }
        if !keepAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if head.status.mayHaveResponseBody, !answer.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: answer.body)))), promise: nil)
        }
        // With pipelining the next request is let through when this end is written.
        let done = context.writeAndFlushing(wrapOutboundOut(.end(nil)))
        guard !keepAlive else { return }
        let channel = context.channel
        done.whenComplete { _ in channel.close(promise: nil) }
    }

    private static func half(of answer: HTTPAnswer) -> [UInt8] {
        let reason = HTTPResponseStatus(statusCode: answer.status).reasonPhrase
        var head = "HTTP/1.1 \(answer.status) \(reason)\r\n"
        for header in answer.headers { head += "\(header.name): \(header.value)\r\n" }
        guard !answer.body.isEmpty else { return Array(head.utf8.dropLast(2)) }
        head += "Content-Length: \(answer.body.count)\r\n\r\n"
        return Array(head.utf8) + answer.body.prefix(answer.body.count / 2)
    }
}

extension ChannelHandlerContext {
    fileprivate func writeAndFlushing(_ data: NIOAny) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        writeAndFlush(data, promise: promise)
        return promise.futureResult
    }
}
