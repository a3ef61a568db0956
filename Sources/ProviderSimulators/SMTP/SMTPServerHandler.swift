import NIOCore
import NIOSSL

/// Cuts the bytes of one connection into lines and messages for its session, and takes the steps that the session asks for.
final class SMTPServerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A command line may have 512 octets, an AUTH response 12,288 (RFC 4954, section 4.5).
    private static let maximumLine = 12_288

    private var session: SMTPServerSession
    private let tls: NIOSSLContext?
    private var buffer = ByteBuffer()
    private var scanner = MessageScanner()
    private var steps: ArraySlice<SMTPServerSession.Step> = []
    private var hasBodyBegun = false
    /// Hung or closing: what comes is dropped.
    private var isDone = false
    private var timer: Scheduled<Void>?
    private var isWaiting = false

    init(session: SMTPServerSession, tls: NIOSSLContext?) {
        self.session = session
        self.tls = tls
    }

    func channelActive(context: ChannelHandlerContext) {
        steps = session.greeting()[...]
        proceed(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isDone = true
        timer?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        if buffer.readableBytes == 0 {
            buffer.clear()
        } else if buffer.readerIndex > 65_536 {
            buffer.discardReadBytes()
        }
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        if !isWaiting { proceed(context) }
    }

    /// Takes the steps at hand, then input for more of them, until one has to wait or the input is used up.
    private func proceed(_ context: ChannelHandlerContext) {
        while !isDone {
            guard let step = steps.popFirst() else {
                guard let more = nextInput() else { break }
                steps = more[...]
                continue
            }
            if !take(step, context) { break }
        }
        context.flush()
    }

    /// `false` when the next step has to wait.
    private func take(_ step: SMTPServerSession.Step, _ context: ChannelHandlerContext) -> Bool {
        switch step {
        case .send(let answer): context.write(wrapOutboundOut(context.channel.allocator.buffer(string: answer.wire)), promise: nil)
        case .wait(let duration):
            let goOn = pause(context)
            timer = context.eventLoop.scheduleTask(in: TimeAmount(duration), goOn)
            return false
        case .hold:
            let goOn = pause(context)
            let eventLoop = context.eventLoop
            session.mailbox.gate.pass { eventLoop.execute(goOn) }
            return false
        case .startTLS:
            context.flush()
            // What was sent before the handshake is not to be taken for what follows it (RFC 3207, section 5).
            buffer.clear()
            startTLS(context)
        case .close: end(context)
        case .fault(let fault): disturb(fault, context)
        }
        return true
    }

    /// Lets input wait; what it returns goes on.
    private func pause(_ context: ChannelHandlerContext) -> @Sendable () -> Void {
        context.flush()
        isWaiting = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        return {
            let (handler, context) = bound.value
            guard !handler.isDone else { return }
            handler.isWaiting = false
            handler.proceed(context)
        }
    }

    private func startTLS(_ context: ChannelHandlerContext) {
        guard let tls else { return end(context) }
        do {
            try context.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls), position: .first)
        } catch {
            end(context)
        }
    }

    private func disturb(_ fault: WireFault, _ context: ChannelHandlerContext) {
        switch fault {
        case .close: end(context)
        case .reset:
            isDone = true
            context.channel.reset()
        case .hang: isDone = true
        case .garbage:
            context.write(wrapOutboundOut(context.channel.allocator.buffer(bytes: WireFault.garbageBytes)), promise: nil)
            end(context)
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        isDone = true
        context.flush()
        context.close(promise: nil)
    }

    /// What the session makes of the next whole piece of input; `nil` when there is none.
    private func nextInput() -> [SMTPServerSession.Step]? {
        guard case .message = session.input else { return nextLine() }
        if !hasBodyBegun {
            guard buffer.readableBytes > 0 else { return nil }
            hasBodyBegun = true
            let steps = session.bodyBegins()
            if !steps.isEmpty { return steps }
        }
        guard let length = scanner.end(in: buffer), let message = buffer.readSlice(length: length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 3)
        scanner = MessageScanner()
        hasBodyBegun = false
        return session.messageEnds(size: length) { MessageScanner.unstuff(Array(message.readableBytesView)) }
    }

    private func nextLine() -> [SMTPServerSession.Step]? {
        guard let length = buffer.readableBytesView.firstIndex(of: 0x0A).map({ $0 - buffer.readerIndex }) else {
            guard buffer.readableBytes > Self.maximumLine else { return nil }
            return [.send(SMTPAnswer(500, "5.5.2", "Line too long")), .close]
        }
        guard var line = buffer.readString(length: length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 1)
        // A CRLF is one `Character`, so it is the scalars that are looked at.
        if line.unicodeScalars.last == "\r" { line.unicodeScalars.removeLast() }
        return session.receive(line: line)
    }
}
