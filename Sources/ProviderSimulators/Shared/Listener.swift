package import NIOCore
import NIOPosix
import Synchronization

/// A listening socket and the connections that came of it, closed together.
package final class Listener: Sendable {
    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var accepted = 0
        var isStopping = false
    }

    /// Shared with the bootstrap, which accepts before the listener itself exists.
    private final class Connections: Sendable {
        let state = Mutex(State())

        /// The connection's number from 1, or `nil` when it came too late.
        func add(_ channel: any Channel) -> Int? {
            let number: Int? = state.withLock { state in
                guard !state.isStopping else { return nil }
                state.accepted += 1
                state.open[ObjectIdentifier(channel)] = channel
                return state.accepted
            }
            guard let number else { return nil }
            channel.closeFuture.whenComplete { [self] _ in
                state.withLock { state in _ = state.open.removeValue(forKey: ObjectIdentifier(channel)) }
            }
            return number
        }
    }

    private let channel: any Channel
    private let connections: Connections
    package let host: String
    package let port: Int

    package var eventLoop: any EventLoop { channel.eventLoop }
    package var accepted: Int { connections.state.withLock { $0.accepted } }

    private init(channel: any Channel, connections: Connections, host: String, port: Int) {
        self.channel = channel
        self.connections = connections
        self.host = host
        self.port = port
    }

    /// Listens on `host` and `port`, where 0 lets the system choose one. `setUp` gets each connection and its number, on the connection's
    /// loop.
    package static func start(
        host: String, port: Int, group: any EventLoopGroup, setUp: @escaping @Sendable (any Channel, Int) throws -> Void
    ) async throws -> Listener {
        let connections = Connections()
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    guard let number = connections.add(child) else { throw SimulatorError.stopped }
                    try setUp(child, number)
                }
            }
            .bind(host: host, port: port).get()
        guard let port = channel.localAddress?.port else { throw SimulatorError.noAddress }
        return Listener(channel: channel, connections: connections, host: host, port: port)
    }

    /// Closes the socket and every connection, and returns when they are closed; once more does no harm.
    package func stop() async {
        let open = connections.state.withLock { state in
            state.isStopping = true
            return Array(state.open.values)
        }
        // Closing what is closed already fails; the close future is what tells.
        channel.close(promise: nil)
        for child in open { child.close(promise: nil) }
        for closing in [channel] + open { _ = try? await closing.closeFuture.get() }
    }
}
