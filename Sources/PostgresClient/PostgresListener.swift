public import Logging
import Synchronization

/// Listens for notifications, on a connection of its own that it makes anew when it is lost.
///
/// A notification is a hint: what is notified while the connection is away is never told. So `listening` comes each time that listening has
/// begun, and means: look now, something may have been missed. There is no listening through a pooler that works by transactions.
///
/// To be closed when it is no longer needed.
public final class PostgresListener: Sendable {
    private let core: ListenerCore

    /// - Parameter listen: The `LISTEN` statements, one for each channel.
    public init(_ configuration: PostgresConfiguration, listen: [SQL], logger: Logger) {
        core = ListenerCore(configuration, listen: listen, logger: logger)
        core.open()
    }

    deinit { core.shut() }

    /// What is heard, for one task.
    public var events: PostgresEvents { core.events }

    /// Ends the events and the connection.
    public func close() async {
        core.shut()
        await core.closed()
    }
}

/// The listener's connection, or the wait for the next one.
private final class ListenerCore: PostgresOwner, Sendable {
    private struct State {
        var link: PostgresLink?
        var isOpen = false
        var isListening = false
        var isShut = false
        var failures = 0
        var lastID: ConnectionID = 0
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    let events = PostgresEvents()
    private let configuration: PostgresConfiguration
    private let listen: [PostgresStep]
    private let counters = PostgresCounters()
    private let logger: Logger
    private let state = Mutex(State())

    init(_ configuration: PostgresConfiguration, listen: [SQL], logger: Logger) {
        self.configuration = configuration
        self.listen = listen.map { PostgresStep($0) }
        self.logger = logger
    }

    func open() {
        state.withLock { state in
            guard !state.isShut else { return }
            let isFirst = state.lastID == 0
            state.lastID += 1
            state.isOpen = false
            let pause = configuration.reconnecting.delay(after: state.failures, jitter: .random(in: 0...1))
            state.link = PostgresLink(state.lastID, after: isFirst ? nil : pause, configuration, owner: self, counters: counters)
        }
    }

    func shut() {
        events.finish()
        state.withLock { state in
            state.isShut = true
            state.link?.mailbox.abandon()
            // A connection that is only just being made ends by itself.
            if !state.isOpen { state.link = nil }
        }
    }

    func closed() async {
        await withCheckedContinuation { continuation in
            let isGone = state.withLock { state in
                if state.link != nil { state.closing.append(continuation) }
                return state.link == nil
            }
            if isGone { continuation.resume() }
        }
    }

    func opened(_ id: ConnectionID) {
        state.withLock { state in
            guard state.lastID == id, !state.isShut else { return }
            state.isOpen = true
            _ = state.link?.mailbox.submit(PostgresOrder(id: 1, job: 1, work: .steps(listen, .sync), waiter: .pool))
        }
    }

    func failedToOpen(_ id: ConnectionID, _ error: PostgresError) { again() }

    func ended(_ id: ConnectionID, _ ends: [JobEnd]) {
        let isListening = state.withLock { state in
            for end in ends {
                guard case .done(nil) = end.end else {
                    state.link?.mailbox.abandon()
                    return false
                }
            }
            state.isListening = true
            state.failures = 0
            return true
        }
        guard isListening else { return }
        events.put(.listening)
        logger.info("hears notifications", metadata: ["store": "postgres"])
    }

    func left(_ id: ConnectionID, _ ends: [JobEnd]) {
        let (wasListening, closing) = state.withLock { state in
            state.link = nil
            defer {
                state.isListening = false
                state.closing = []
            }
            return (state.isListening, state.closing)
        }
        if wasListening {
            events.put(.away)
            logger.info("hears notifications no more", metadata: ["store": "postgres"])
        }
        for continuation in closing { continuation.resume() }
        again()
    }

    func notified(_ notification: PostgresNotification) { events.put(.notification(notification)) }

    /// Nothing that is done here is ever cancelled.
    func send(_ request: PostgresCancelRequest) {}

    private func again() {
        state.withLock { $0.failures += 1 }
        open()
    }
}
