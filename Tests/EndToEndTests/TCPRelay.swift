import AdapterKit
import GatewayTestKit
import NIOCore
import NIOPosix
import Synchronization

/// Passes connections on to the first of some ports that takes them, byte for byte; and may be cut, as a network is.
final class TCPRelay: Sendable {
    private let server: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>
    private let isWhole = Watched(true)
    private let running = Mutex<Task<Void, Never>?>(nil)
    let port: Int

    /// - Parameter targets: ports on this machine, asked for each connection anew, in the order in which they are tried.
    init(to targets: @escaping @Sendable () async -> [Int]) async throws {
        server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0) { channel in
            channel.eventLoop.makeCompletedFuture { try Self.wrap(channel) }
        }
        port = server.channel.localAddress?.port ?? 0
        let isWhole = isWhole
        let server = server
        running.withLock {
            $0 = Task {
                try? await server.executeThenClose { connections in
                    try await withThrowingDiscardingTaskGroup { group in
                        for try await connection in connections {
                            group.addTask { await Self.pass(connection, to: await targets(), isWhole) }
                        }
                    }
                }
            }
        }
    }

    /// Nothing passes any more, in either direction, and nobody is told.
    func cut() { isWhole.withLock { $0 = false } }
    /// What waits passes again.
    func mend() { isWhole.withLock { $0 = true } }

    func stop() async {
        mend()
        let task = running.withLock { $0.take() }
        task?.cancel()
        await task?.value
    }

    private static func wrap(_ channel: any NIOCore.Channel) throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try NIOAsyncChannel(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    private static func pass(
        _ near: NIOAsyncChannel<ByteBuffer, ByteBuffer>, to ports: [Int], _ isWhole: Watched<Bool>
    ) async {
        await isWhole.wait { $0 }
        for port in ports {
            let far = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port) {
                channel in channel.eventLoop.makeCompletedFuture { try wrap(channel) }
            }
            guard let far else { continue }
            try? await near.executeThenClose { nearIn, nearOut in
                try await far.executeThenClose { farIn, farOut in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for (from, to) in [(nearIn, farOut), (farIn, nearOut)] {
                            group.addTask {
                                for try await bytes in from {
                                    await isWhole.wait { $0 }
                                    try await to.write(bytes)
                                }
                                to.finish()
                            }
                        }
                        try await group.waitForAll()
                    }
                }
            }
            return
        }
        try? await near.executeThenClose { _, _ in }
    }
}
