import BlockingIO
import DequeModule

/// A connection at work, on its thread: sends what is in its mailbox, many commands in one flush, and hands out what is answered.
final class RedisEngine {
    private struct Pending {
        /// `nil` for a beat of its own.
        var command: RedisCommand?
        var deadline: ContinuousClock.Instant
    }

    private let connection: RedisConnection
    private let configuration: RedisConfiguration
    private let mailbox: RedisMailbox
    private let listener: any RedisListener
    private let clock = ContinuousClock()
    private var pending: Deque<Pending> = []
    private var heardAt: ContinuousClock.Instant
    private var hasUnsentBytes = false
    private var isOpen = false
    private var greetings = 0

    /// Connects, is let in, and works until the connection is closed or lost; answers why it was lost, and whether it had been usable.
    static func run(
        _ configuration: RedisConfiguration, greeting: [[String]], mailbox: RedisMailbox, listener: any RedisListener
    ) -> (end: RedisFailure?, wasOpen: Bool) {
        let connection: RedisConnection
        do { connection = try RedisConnection(configuration.url.place, timeout: configuration.connectTimeout) } catch {
            return (error, false)
        }
        let engine = RedisEngine(connection, configuration, mailbox, listener)
        return (engine.work(greeting), engine.isOpen)
    }

    private init(
        _ connection: RedisConnection, _ configuration: RedisConfiguration, _ mailbox: RedisMailbox, _ listener: any RedisListener
    ) {
        self.connection = connection
        self.configuration = configuration
        self.mailbox = mailbox
        self.listener = listener
        heardAt = clock.now
    }

    private func work(_ greeting: [[String]]) -> RedisFailure? {
        var end: RedisFailure?
        do throws(RedisFailure) {
            greetings = greeting.count
            for arguments in greeting { try send(RedisCommand(arguments: arguments), within: configuration.connectTimeout) }
            while true {
                for command in mailbox.collect() { try send(command, within: configuration.timeout) }
                if mailbox.isClosing, pending.isEmpty { break }
                let now = clock.now
                if pending.isEmpty, now >= heardAt + configuration.heartbeat { try beat() }
                try flush()
                let next = pending.first?.deadline ?? heardAt + configuration.heartbeat
                let isReadable = mailbox.wakeUp.wait(
                    socket: connection.socket, forWriting: hasUnsentBytes, timeout: next - now
                ).isReadable
                mailbox.awake()
                // What has come is read before the time is judged: it may be this process that slept.
                if isReadable { try listen() }
                if let first = pending.first, first.deadline <= clock.now { throw .timeout }
            }
        } catch { end = error }
        leave(end ?? .away)
        return end
    }

    private func send(_ command: RedisCommand?, within timeout: Duration) throws(RedisFailure) {
        pending.append(Pending(command: command, deadline: clock.now + timeout))
        guard connection.append(command?.arguments ?? ["PING"]) else { throw .lost }
        hasUnsentBytes = true
    }

    private func beat() throws(RedisFailure) { try send(nil, within: configuration.timeout) }

    private func flush() throws(RedisFailure) {
        guard hasUnsentBytes else { return }
        guard let isDone = connection.flush() else { throw .lost }
        hasUnsentBytes = !isDone
    }

    private func listen() throws(RedisFailure) {
        guard connection.receive() else { throw .lost }
        heardAt = clock.now
        var answered = 0
        defer { mailbox.answered(answered) }
        while let reply = try connection.next() {
            if let (channel, payload) = reply.message {
                listener.heard(payload, on: channel)
                continue
            }
            guard let first = pending.popFirst() else { throw .garbled }
            if greetings > 0 {
                try greeted(reply, first.command)
            } else if let command = first.command {
                answered += 1
                command.answer?(.success(reply))
            } else if case .refusal(let text) = reply {
                throw .refused(saying: text)
            }
        }
    }

    /// An answer to what is said on coming in; with the last one the connection is usable.
    private func greeted(_ reply: RedisReply, _ command: RedisCommand?) throws(RedisFailure) {
        // A name is for people who look; whoever may not give himself one comes in without.
        if case .refusal(let text) = reply, command?.arguments.first != "CLIENT" { throw .refused(saying: text) }
        greetings -= 1
        guard greetings == 0 else { return }
        isOpen = true
        mailbox.open()
        listener.opened()
    }

    private func leave(_ failure: RedisFailure) {
        let waiting = pending.compactMap(\.command) + mailbox.leave()
        pending.removeAll()
        for command in waiting { command.answer?(.failure(failure)) }
    }
}
