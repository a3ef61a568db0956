import NIOCore
import NIOHTTPTypes
import Synchronization

/// The connections that clients have open, so that those can be closed whose clients do not end them.
final class Connections: Sendable {
    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var areClosed = false
    }

    private let state = Mutex(State())

    func add(_ channel: any Channel) {
        let isLate = state.withLock { state in
            if !state.areClosed { state.open[ObjectIdentifier(channel)] = channel }
            return state.areClosed
        }
        if isLate { channel.close(promise: nil) }
    }

    func remove(_ channel: any Channel) { state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) } }

    /// Closes all of them whatever is under way, and each that comes later.
    func close() {
        let open = state.withLock { state in
            state.areClosed = true
            return state.open.values
        }
        for channel in open { channel.close(promise: nil) }
    }
}

/// Stands in one connection: counts it among the open ones, and closes it when a request does not arrive within its time.
///
/// The server's own limit is on silence: a client who sends a byte now and then would have his place for ever.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    /// Enough for the largest body over a slow line.
    static let limit = TimeAmount.minutes(2)

    private let connections: Connections
    private var deadline: Scheduled<Void>?

    init(_ connections: Connections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) { connections.add(context.channel) }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        connections.remove(context.channel)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            deadline = context.eventLoop.scheduleTask(in: Self.limit) { [channel = context.channel] in channel.close(promise: nil) }
        case .body: break
        case .end: deadline?.cancel()
        }
        context.fireChannelRead(data)
    }
}
