import AdapterKit
import NIOCore
import NIOPosix
import Synchronization

/// One connection to the daemon, byte for byte.
final class TestSocket: Sendable {
    struct Answer {
        var status: Int
        var head: String
        var body: String
    }

    struct Failure: Error {}

    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    private let input: AsyncStream<UInt8>
    private let pump: Task<Void, Never>

    convenience init(port: Int) async throws { try await self.init(SocketAddress(ipAddress: "127.0.0.1", port: port)) }
    convenience init(path: String) async throws { try await self.init(SocketAddress(unixDomainSocketPath: path)) }

    private init(_ address: SocketAddress) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(to: address) { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        let (input, bytes) = AsyncStream.makeStream(of: UInt8.self)
        let (output, buffers) = AsyncStream.makeStream(of: ByteBuffer.self)
        self.input = input
        self.buffers = buffers
        let (channel, isDeaf) = (channel, isDeaf)
        pump = Task {
            try? await channel.executeThenClose { inbound, outbound in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await buffer in inbound {
                            for byte in buffer.readableBytesView { bytes.yield(byte) }
                            if isDeaf.isRaised { try await Task.sleep(for: .seconds(86_400)) }
                        }
                        bytes.finish()
                    }
                    group.addTask {
                        for await buffer in output { try await outbound.write(buffer) }
                    }
                    try await group.next()
                    group.cancelAll()
                }
            }
            bytes.finish()
        }
    }

    private final class Flag: Sendable {
        private let raised = Atomic(false)

        var isRaised: Bool { raised.load(ordering: .relaxed) }
        func raise() { raised.store(true, ordering: .relaxed) }
    }

    private let isDeaf = Flag()

    /// Takes no more bytes from the connection after the next few, until it is closed.
    func stopReading() { isDeaf.raise() }

    private let buffers: AsyncStream<ByteBuffer>.Continuation

    func write(_ text: String) async throws { buffers.yield(ByteBuffer(string: text)) }
    func write(_ bytes: [UInt8]) async throws { buffers.yield(ByteBuffer(bytes: bytes)) }

    /// Writes the same again and again until it is closed.
    func keepWriting(_ text: String, every pause: Duration) {
        let buffers = buffers
        Task {
            while case .enqueued = buffers.yield(ByteBuffer(string: text)) { try await Task.sleep(for: pause) }
        }
    }

    /// Everything up to and with the mark.
    func text(until mark: String) async throws -> String {
        var text: [UInt8] = []
        let end = Array(mark.utf8)
        for await byte in input {
            text.append(byte)
            if text.suffix(end.count) == end[...] { return String(decoding: text, as: UTF8.self) }
        }
        throw Failure()
    }

    /// The next answer, whose body has a length of its own.
    func answer() async throws -> Answer {
        let head = try await text(until: "\r\n\r\n")
        let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let length =
            head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).filter { !$0.isWhitespace }) } ?? 0
        var body: [UInt8] = []
        if length > 0 {
            for await byte in input {
                body.append(byte)
                if body.count == length { break }
            }
        }
        return Answer(status: status, head: head, body: String(decoding: body, as: UTF8.self))
    }

    func close() async {
        buffers.finish()
        pump.cancel()
        await pump.value
    }
}
