import NIOCore
import NIOPosix
import NIOSSL
import ProviderSimulators
import Synchronization

/// An SMTP server on loopback that does what its script says.
final class ScriptedServer: Sendable {
    enum Reaction: Sendable {
        case say(String)
        case sayThenClose(String)
        case close
        case reset
        /// These bytes, without an end of line.
        case breakOff(String)
        /// No answer yet; a later one may bring it.
        case wait
        /// This, and the message is to come.
        case sayThenData(String)
        /// Nothing, now and from then on.
        case silence
        case sayThenStopReading(String)
        /// Answer 250 when the test lets it.
        case hold
        /// Answer 250 when so many messages have come in on all connections.
        case whenMessages(Int)
    }

    struct Script: Sendable {
        var greeting: Reaction = .say("220 scripted")
        var capabilities = ["PIPELINING", "SIZE 10000000", "8BITMIME"]
        var implicitTLS = false
        var tls: NIOSSLContext?
        /// `nil` leaves it to the usual answer. Connections and their transactions count from 1; `.` stands for the final dot.
        var react: @Sendable (_ command: String, _ connection: Int, _ transaction: Int) -> Reaction? = { _, _, _ in nil }
        /// What to say as soon as the first bytes of a message come.
        var inBody: String?
    }

    enum Event: Sendable, Equatable {
        case connected(Int)
        case command(Int, String)
        case message(Int)
        case disconnected(Int)
    }

    struct Log: Sendable {
        var connections = 0
        var commands: [String] = []
        var messages: [[UInt8]] = []
        fileprivate var held: [@Sendable () -> Void] = []
    }

    let script: Script
    let events: AsyncStream<Event>
    private let tell: AsyncStream<Event>.Continuation
    private let gate = HoldGate()
    private let state = Mutex(Log())
    private let listener = Mutex<Listener?>(nil)

    init(_ script: Script) {
        self.script = script
        (events, tell) = AsyncStream.makeStream()
    }

    var log: Log { state.withLock { $0 } }
    var port: Int { listener.withLock { $0?.port ?? 0 } }

    func start() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let listening = try await Listener.start(host: "127.0.0.1", port: 0, group: group) { channel, number in
            if self.script.implicitTLS, let tls = self.script.tls {
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
            }
            try channel.pipeline.syncOperations.addHandler(Handler(server: self, number: number))
        }
        listener.withLock { $0 = listening }
    }

    /// Closes the socket and every connection.
    func stop() async { await listener.withLock { $0 }?.stop() }

    /// Waits until this has happened.
    func sees(_ wanted: Event) async {
        for await event in events where event == wanted { return }
    }

    /// Gives every answer that is held, and from then on at once.
    func release() { gate.open() }

    fileprivate func connected(_ number: Int) {
        state.withLock { $0.connections += 1 }
        tell.yield(.connected(number))
    }

    fileprivate func note(_ command: String, on connection: Int) {
        state.withLock { $0.commands.append(command) }
        tell.yield(.command(connection, command))
    }

    fileprivate func note(message: [UInt8], on connection: Int) {
        state.withLock { $0.messages.append(message) }
        tell.yield(.message(connection))
    }

    fileprivate func gone(_ connection: Int) { tell.yield(.disconnected(connection)) }

    fileprivate func hold(until messages: Int, _ answer: @escaping @Sendable () -> Void) {
        let ready = state.withLock { log in
            log.held.append(answer)
            guard log.messages.count >= messages else { return [@Sendable () -> Void]() }
            defer { log.held = [] }
            return log.held
        }
        for answer in ready { answer() }
    }
}

extension ScriptedServer {
    fileprivate final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let server: ScriptedServer
        private let number: Int
        private var transaction = 0
        private var pending: [UInt8] = []
        private var message: [UInt8]?
        private var hasSpokenInBody = false
        private var isSilent = false

        init(server: ScriptedServer, number: Int) {
            self.server = server
            self.number = number
        }

        func channelActive(context: ChannelHandlerContext) {
            server.connected(number)
            act(server.script.greeting, context)
        }

        func channelInactive(context: ChannelHandlerContext) { server.gone(number) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            pending += unwrapInboundIn(data).readableBytesView
            var start = 0
            while let end = pending[start...].firstIndex(of: 0x0A) {
                let line = pending[start...end]
                start = end + 1
                if message != nil { body(line, context) } else { command(line, context) }
            }
            pending.removeFirst(start)
        }

        private func body(_ line: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
            if line.elementsEqual(".\r\n".utf8), let whole = message {
                message = nil
                server.note(message: whole, on: number)
                act(server.script.react(".", number, transaction) ?? .say("250 2.0.0 taken"), context)
            } else {
                message?.append(contentsOf: line.first == 0x2E ? line.dropFirst() : line)
                if let words = server.script.inBody, !hasSpokenInBody {
                    hasSpokenInBody = true
                    act(.say(words), context)
                }
            }
        }

        private func command(_ line: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
            let text = String(decoding: line.dropLast(2), as: UTF8.self)
            if text.hasPrefix("MAIL") { transaction += 1 }
            server.note(text, on: number)
            let reaction = server.script.react(text, number, transaction)
            if text == "DATA", reaction == nil { message = [] }
            act(reaction ?? usual(text, context), context)
            if text == "STARTTLS", reaction == nil, let tls = server.script.tls {
                try? context.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls), position: .first)
            }
        }

        private func usual(_ command: String, _ context: ChannelHandlerContext) -> Reaction {
            switch command.prefix(while: { $0 != " " }) {
            case "EHLO":
                .say(
                    (["mx"] + server.script.capabilities).enumerated().map { index, word in
                        index == server.script.capabilities.count ? "250 \(word)" : "250-\(word)"
                    }.joined(separator: "\r\n"))
            case "STARTTLS": .say("220 go")
            case "AUTH": .say("235 2.7.0 known")
            case "DATA": .say("354 go")
            case "QUIT": .sayThenClose("221 bye")
            default: .say("250 2.0.0 fine")
            }
        }

        private func act(_ reaction: Reaction, _ context: ChannelHandlerContext) {
            switch reaction {
            case .say(let text): say(text, context)
            case .sayThenClose(let text):
                say(text, context)
                context.close(promise: nil)
            case .close: context.close(promise: nil)
            case .reset: context.channel.reset()
            case .breakOff(let part):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: part)), promise: nil)
                context.close(promise: nil)
            case .wait: break
            case .sayThenData(let text):
                message = []
                say(text, context)
            case .silence: isSilent = true
            case .sayThenStopReading(let text):
                // With a small window, so that a large message does not vanish into the system's buffers.
                context.channel.setOption(.socketOption(.so_rcvbuf), value: 4096).whenFailure { _ in }
                context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
                say(text, context)
            case .hold:
                let channel = context.channel
                server.gate.pass { channel.writeAndFlush(ByteBuffer(string: "250 2.0.0 taken\r\n"), promise: nil) }
            case .whenMessages(let count):
                let channel = context.channel
                server.hold(until: count) { channel.writeAndFlush(ByteBuffer(string: "250 2.0.0 taken\r\n"), promise: nil) }
            }
        }

        private func say(_ text: String, _ context: ChannelHandlerContext) {
            guard !isSilent else { return }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text + "\r\n")), promise: nil)
        }
    }
}
