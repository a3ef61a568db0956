public import AdapterKit
public import ServiceLifecycle
import Synchronization

/// Ties a node's relay to those of the other nodes: what is woken here is told there, what is told from there wakes here and goes no further.
///
/// While nothing is heard from anywhere, lanes are woken from time to time to look for themselves.
public final class WakeExchange: Service, Sendable {
    private struct State {
        var coalescer: WakeCoalescer
        var isFlushing = false
        /// By the transport's place in the list.
        var hearing: Set<Int> = []
        var isStopped = false
    }

    private let relay: WakeRelay
    private let transports: [any WakeTransport]
    private let clock: any WallClock
    private let poll: Duration?
    private let signal = WakeSignal()
    private let state: Mutex<State>

    /// - Parameters:
    ///   - transports: All are listened to; the first that hears carries what is told.
    ///   - poll: How often lanes look for themselves while nothing is heard; `nil` where no other node works on the store.
    public init(_ relay: WakeRelay, over transports: [any WakeTransport], poll: Duration?, clock: any WallClock) {
        self.relay = relay
        self.transports = transports
        self.clock = clock
        self.poll = poll
        state = Mutex(State(coalescer: WakeCoalescer()))
        for (place, transport) in transports.enumerated() {
            transport.hear { [weak self] news in self?.take(news, from: place) }
        }
        relay.forward(to: { [weak self] channel, dueAt in self?.tell(channel, dueAt: dueAt) })
    }

    public func run() async throws {
        await withGracefulShutdownHandler {
            while !Task.isCancelled {
                let (isStopped, isDeaf) = state.withLock { ($0.isStopped, $0.hearing.isEmpty) }
                if isStopped { return }
                guard let poll, isDeaf else {
                    await signal.wait(until: nil, clock: clock)
                    continue
                }
                let next = clock.now + poll
                await signal.wait(until: next, clock: clock)
                if clock.now >= next { relay.wake(fromElsewhere: nil, dueAt: clock.now) }
            }
        } onGracefulShutdown: {
            self.state.withLock { $0.isStopped = true }
            self.signal.raise()
        }
    }

    // MARK: From the others

    private func take(_ news: WakeNews, from place: Int) {
        switch news {
        case .wakes(let wakes):
            let now = clock.now
            for wake in wakes { relay.wake(fromElsewhere: wake.channel, dueAt: now + wake.dueIn) }
        case .hearing:
            state.withLock { _ = $0.hearing.insert(place) }
            signal.raise()
            relay.wake(fromElsewhere: nil, dueAt: clock.now)
        case .away:
            state.withLock { _ = $0.hearing.remove(place) }
            signal.raise()
        }
    }

    // MARK: To the others

    private func tell(_ channel: ChannelName?, dueAt: Timestamp) {
        let now = clock.now
        let (isNow, mustFlush) = state.withLock { state in
            let isNow = state.coalescer.add(channel, dueAt: dueAt, at: now)
            defer { state.isFlushing = state.isFlushing || !isNow }
            return (isNow, !isNow && !state.isFlushing)
        }
        if isNow { publish([(channel, dueAt)]) }
        if mustFlush { Task { await flush() } }
    }

    private func flush() async {
        while true {
            let flushAt = state.withLock { state in
                if state.coalescer.flushAt == nil { state.isFlushing = false }
                return state.coalescer.flushAt
            }
            guard let flushAt else { return }
            try? await clock.sleep(until: flushAt)
            publish(state.withLock { $0.coalescer.due(at: clock.now) })
        }
    }

    private func publish(_ wakes: [(ChannelName?, dueAt: Timestamp)]) {
        guard !wakes.isEmpty, let place = state.withLock({ $0.hearing.min() }) else { return }
        let now = clock.now
        transports[place].publish(wakes.map { Wake($0.0, dueIn: $0.dueAt - now) })
    }
}
