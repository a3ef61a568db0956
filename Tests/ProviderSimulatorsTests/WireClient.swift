import NIOCore
import NIOPosix
import NIOSSL

/// A plain TCP client for tests: bytes out, lines in, and the end of the connection told apart. Every read is bounded by one deadline.
final class WireClient {
    enum End: Equatable { case closed, reset }
    struct TimedOut: Error {}
    struct Ended: Error { var after: String }

    private let channel: any Channel
    private let timer: Scheduled<Void>
    private var iterator: AsyncThrowingStream<[UInt8], any Error>.AsyncIterator
    private var buffer: [UInt8] = []

    /// Connects to loopback. A deadline for the whole life of the client makes a wait without an end fail.
    init(port: Int, deadline: TimeAmount = .seconds(30)) async throws {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: [UInt8].self)
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        timer = channel.eventLoop.scheduleTask(in: deadline) { continuation.finish(throwing: TimedOut()) }
        iterator = stream.makeAsyncIterator()
    }

    deinit {
        timer.cancel()
        channel.close(promise: nil)
    }

    func startTLS() async throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // What is under test is the server; its certificate is nobody's.
        configuration.certificateVerification = .none
        let context = try NIOSSLContext(configuration: configuration)
        let channel = channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(context: context, serverHostname: "localhost"), position: .first)
        }.get()
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

    /// The next line, without its CRLF.
    func line() async throws -> String {
        while true {
            if let feed = buffer.firstIndex(of: 0x0A) {
                let line = String(decoding: buffer[..<feed].filter { $0 != 0x0D }, as: UTF8.self)
                buffer.removeFirst(feed + 1)
                return line
            }
            guard let more = try await iterator.next(isolation: #isolation) else {
                throw Ended(after: String(decoding: buffer, as: UTF8.self))
            }
            buffer += more
        }
    }

    func bytes(_ count: Int) async throws -> [UInt8] {
        while buffer.count < count {
            guard let more = try await iterator.next(isolation: #isolation) else {
                throw Ended(after: String(decoding: buffer, as: UTF8.self))
            }
            buffer += more
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }

    /// Everything that still comes, and how the connection ended.
    func rest() async throws -> (bytes: [UInt8], end: End) {
        do {
            while let more = try await iterator.next(isolation: #isolation) { buffer += more }
            return (buffer, .closed)
        } catch let error as IOError where error.errnoCode == 104 {
            return (buffer, .reset)
        }
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation

    init(_ continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        continuation.yield(Array(unwrapInboundIn(data).readableBytesView))
    }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { continuation.finish(throwing: error) }
}
