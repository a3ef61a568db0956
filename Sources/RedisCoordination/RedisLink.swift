import BlockingIO

/// Who hears what comes over a connection; called on its thread, and must return at once.
protocol RedisListener: Sendable {
    /// The connection is usable, for the first time or anew.
    func opened()
    /// It is not, or could not be made, for that reason.
    func failed(_ failure: RedisFailure)
    func heard(_ payload: String, on channel: String)
}

/// A connection from the outside: made anew, after a pause that grows, whenever it is lost.
final class RedisLink: Sendable {
    private let mailbox = RedisMailbox()
    private let thread: BlockingThread

    /// - Parameter channels: What is subscribed to; a connection that subscribes takes no other commands.
    init(_ configuration: RedisConfiguration, subscribingTo channels: [String] = [], listener: any RedisListener) {
        thread = BlockingThread(name: channels.isEmpty ? "redis" : "redis subscription")
        let mailbox = mailbox
        thread.perform { Self.run(configuration, Self.greeting(configuration.url, channels), mailbox, listener) }
        thread.finish()
    }

    /// Sends a command and waits for its answer, never longer than its timeout.
    func send(_ arguments: [String]) async -> Result<RedisReply, RedisFailure> {
        await withCheckedContinuation { continuation in
            if let failure = mailbox.submit(RedisCommand(arguments: arguments, answer: { continuation.resume(returning: $0) })) {
                continuation.resume(returning: .failure(failure))
            }
        }
    }

    /// Sends a command whose answer nobody needs; without a connection it is dropped.
    func post(_ arguments: [String]) { _ = mailbox.submit(RedisCommand(arguments: arguments)) }

    /// Ends the connection once what was sent is answered; returns when it has ended.
    func close() async {
        mailbox.close()
        await thread.stop()
    }

    private static func greeting(_ url: RedisURL, _ channels: [String]) -> [[String]] {
        var greeting: [[String]] = []
        if let password = url.password { greeting.append(["AUTH"] + [url.user].compactMap(\.self) + [password]) }
        greeting.append(["CLIENT", "SETNAME", "gatewayd"])
        if url.database != 0 { greeting.append(["SELECT", "\(url.database)"]) }
        for channel in channels { greeting.append(["SUBSCRIBE", channel]) }
        return greeting + [["PING"]]
    }

    private static func run(
        _ configuration: RedisConfiguration, _ greeting: [[String]], _ mailbox: RedisMailbox, _ listener: any RedisListener
    ) {
        let clock = ContinuousClock()
        var failures = 0
        while !mailbox.isClosing {
            let begun = clock.now
            let (end, wasOpen) = RedisEngine.run(configuration, greeting: greeting, mailbox: mailbox, listener: listener)
            guard let end else { return }
            listener.failed(end)
            // A server that lets in and throws out again is not to be besieged.
            failures = wasOpen && clock.now - begun >= .seconds(1) ? 1 : failures + 1
            let next = clock.now + configuration.reconnecting.delay(after: failures, chance: .random(in: 0...1))
            while !mailbox.isClosing, clock.now < next {
                _ = mailbox.collect()
                mailbox.wakeUp.wait(timeout: next - clock.now)
            }
            mailbox.awake()
        }
    }
}
