import BlockingIO
import Synchronization

/// A command on its way, and whom to tell what became of it.
struct RedisCommand: Sendable {
    var arguments: [String]
    /// Called once, on the connection's thread; `nil` when nobody waits for it.
    var answer: (@Sendable (Result<RedisReply, RedisFailure>) -> Void)?
}

/// Through which tasks reach the thread of a connection.
///
/// While there is no connection nothing is taken, so that nobody waits for one.
final class RedisMailbox: Sendable {
    /// More than this unanswered says that Redis does not keep up.
    static let mostUnanswered = 4096

    private struct State {
        var commands: [RedisCommand] = []
        var unanswered = 0
        var isOpen = false
        var isClosing = false
        /// Whether the thread looks in here before it waits, without being woken.
        var isAwake = true
    }

    private let state = Mutex(State())
    let wakeUp = WakeUp()

    /// Takes a command, or says why not.
    func submit(_ command: RedisCommand) -> RedisFailure? {
        state.withLock { state in
            guard state.isOpen, !state.isClosing else { return .away }
            guard state.unanswered < Self.mostUnanswered else { return .flooded }
            state.unanswered += 1
            state.commands.append(command)
            wake(&state)
            return nil
        }
    }

    /// Ends the connection once everything is answered, and every later one.
    func close() {
        state.withLock { state in
            state.isClosing = true
            wake(&state)
        }
    }

    private func wake(_ state: inout State) {
        if state.isAwake { return }
        state.isAwake = true
        wakeUp.signal()
    }

    // MARK: The connection's side

    var isClosing: Bool { state.withLock { $0.isClosing } }
    var isOpen: Bool { state.withLock { $0.isOpen } }

    func open() { state.withLock { $0.isOpen = true } }

    /// All that came since the last time. From here on the thread may wait: it is woken for what comes.
    func collect() -> [RedisCommand] {
        state.withLock { state in
            state.isAwake = false
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Spares others the waking until the next collection.
    func awake() { state.withLock { $0.isAwake = true } }

    func answered(_ count: Int) {
        if count > 0 { state.withLock { $0.unanswered -= count } }
    }

    /// All that came since the last time; nothing more is taken.
    func leave() -> [RedisCommand] {
        state.withLock { state in
            defer { (state.commands, state.unanswered, state.isOpen) = ([], 0, false) }
            return state.commands
        }
    }
}
