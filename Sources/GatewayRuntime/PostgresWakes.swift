import AdapterKit
import GatewayCore
import Logging
import PostgresStore
import ServiceLifecycle
import Synchronization

/// Carries wakes between nodes over the database that they share.
final class PostgresWakes: WakeTransport, Service, CustomStringConvertible {
    private struct State {
        var listener: (@Sendable (WakeNews) -> Void)?
        var isHearing = false
        var waiting: [Wake] = []
    }

    /// A node tells no more often than this, however much there is to tell.
    private static let gap = Duration.milliseconds(5)

    private let signals: PostgresSignals
    private let clock: any WallClock
    private let node = NodeID()
    private let state = Mutex(State())
    private let hasNews = WakeSignal()

    init(_ signals: PostgresSignals, clock: any WallClock) {
        self.signals = signals
        self.clock = clock
    }

    /// `nil` where there is no such database, or none that can be listened to.
    convenience init?(_ opened: OpenedStore, at location: StoreLocation, logger: Logger) {
        guard let store = opened.shared, case .postgres(let location) = location,
            let signals = PostgresSignals(store, at: location, logger: logger)
        else { return nil }
        self.init(signals, clock: opened.clock)
    }

    var description: String { "wakes over the database" }

    func publish(_ wakes: [Wake]) {
        state.withLock { state in
            for wake in wakes {
                if let place = state.waiting.firstIndex(where: { $0.channel == wake.channel }) {
                    state.waiting[place].dueIn = min(state.waiting[place].dueIn, wake.dueIn)
                } else {
                    state.waiting.append(wake)
                }
            }
        }
        hasNews.raise()
    }

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
                group.addTask { await self.tell() }
                await group.waitForAll()
            }
        }
        await signals.close()
    }

    private func tell() async {
        while !Task.isCancelled {
            await hasNews.wait(until: nil, clock: clock)
            let wakes = state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            if wakes.isEmpty { continue }
            await signals.send(WakeMessage(from: node, wakes).text)
            try? await clock.sleep(until: clock.now + Self.gap)
        }
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
