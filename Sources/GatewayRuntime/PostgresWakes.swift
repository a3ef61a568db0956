import AdapterKit
import GatewayCore
import Logging
import PostgresStore
import ServiceLifecycle
import Synchronization

/// Carries wakes between nodes over the database that they share.
final class PostgresWakes: WakeTransport, Service, CustomStringConvertible {
    private let signals: PostgresSignals
    private let node = NodeID()
    private let state = Mutex<(listener: (@Sendable (WakeNews) -> Void)?, isHearing: Bool)>((nil, false))
    private let (outgoing, outlet) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(64))

    /// `nil` where there is no such database, or none that can be listened to.
    init?(_ opened: OpenedStore, at location: StoreLocation, logger: Logger) {
        guard let store = opened.shared, case .postgres(let location) = location,
            let signals = PostgresSignals(store, at: location, logger: logger)
        else { return nil }
        self.signals = signals
    }

    var description: String { "wakes over the database" }

    func publish(_ wakes: [Wake]) { outlet.yield(WakeMessage(from: node, wakes).text) }

    func hear(_ listener: @escaping @Sendable (WakeNews) -> Void) {
        let isHearing = state.withLock { state in
            state.listener = listener
            return state.isHearing
        }
        if isHearing { listener(.hearing) }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await self.signals.listen { self.take($0) } }
                group.addTask { for await text in self.outgoing { await self.signals.send(text) } }
                await group.waitForAll()
            }
        }
        await signals.close()
    }

    private func take(_ event: PostgresSignals.Event) {
        let listener = state.withLock { state in
            switch event {
            case .listening: state.isHearing = true
            case .away: state.isHearing = false
            case .message: break
            }
            return state.listener
        }
        switch event {
        case .listening: listener?(.hearing)
        case .away: listener?(.away)
        case .message(let text):
            guard let message = WakeMessage(text), message.sender != node.text else { return }
            listener?(.wakes(message.wakes))
        }
    }
}
