import AdapterKit
import Foundation
import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// Lets commands reach a running daemon: a Unix socket beside the store's file, one JSON command and one JSON answer a connection.
///
/// Whoever may write the file's folder may use it; it is made with mode 0600.
public struct ControlSocket: Service, CustomStringConvertible {
    private let path: String
    private let administration: Administration
    private let logger: Logger

    public var description: String { "control socket" }

    init(path: String, administration: Administration, logger: Logger) {
        self.path = path
        self.administration = administration
        self.logger = logger
    }

    static func path(forStore storePath: String) -> String { storePath + ".sock" }

    /// The longest that every system takes for a socket (`sun_path` has 104 to 108 bytes, one of them for the end).
    static let longestPath = 103

    /// How long either side waits for the other's words.
    private static let patience = TimeAmount.seconds(10)

    public func run() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        chmod(path, 0o600)
        let channel = server.channel
        try await withGracefulShutdownHandler {
            try await server.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections { group.addTask { await serve(connection) } }
                }
            }
        } onGracefulShutdown: {
            channel.close(promise: nil)
        }
        unlink(path)
    }

    private func serve(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async {
        do {
            try await connection.executeThenClose { inbound, outbound in
                let channel = connection.channel
                // Who has not said what he wants holds up no stop.
                let request = try await withGracefulShutdownHandler {
                    try await Self.hurrying(channel) { try await Self.request(inbound) }
                } onGracefulShutdown: {
                    channel.close(promise: nil)
                }
                let answer: Administration.Answer
                if let command = try? JSONDecoder().decode(Administration.Command.self, from: Data(request.readableBytesView)) {
                    answer = await administration.run(command)
                } else {
                    answer = .refused("the running daemon does not know this command; it may be of another version")
                }
                let reply = ByteBuffer(bytes: try JSONEncoder().encode(answer) + [0x0A])
                try await Self.hurrying(channel) { try await outbound.write(reply) }
                outbound.finish()
            }
        } catch { logger.debug("a control connection ended early") }
    }

    /// Everything up to the end of a line.
    private static func request(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> ByteBuffer {
        var request = ByteBuffer()
        for try await part in inbound {
            request.writeImmutableBuffer(part)
            if request.readableBytes > 65_536 || part.readableBytesView.last == 0x0A { break }
        }
        return request
    }

    /// Closes the connection when the other side lets `body` wait too long.
    private static func hurrying<Value>(_ channel: any Channel, _ body: () async throws -> Value) async throws -> Value {
        let deadline = channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        defer { deadline.cancel() }
        return try await body()
    }

    /// Gives a command to the daemon that has the embedded store open; nil when none listens, or others may open the store too.
    static func send(_ command: Administration.Command, to store: StoreLocation) async throws -> Administration.Answer? {
        guard case .embedded(let storePath) = store,
            let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: path(forStore: storePath))
                .flatMapThrowing({ channel in
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }).get()
        else { return nil }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: try JSONEncoder().encode(command) + [0x0A]))
            let reply = try await hurrying(channel.channel) { try await request(inbound) }
            return try JSONDecoder().decode(Administration.Answer.self, from: Data(reply.readableBytesView))
        }
    }
}
