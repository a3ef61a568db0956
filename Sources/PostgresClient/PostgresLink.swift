import BlockingIO

/// A connection from the outside: its thread, and the mailbox by which it is reached.
final class PostgresLink: Sendable {
    let id: ConnectionID
    let mailbox = PostgresMailbox()
    private let thread = BlockingThread(name: "postgres")

    init(
        _ id: ConnectionID, after pause: Duration? = nil, _ configuration: PostgresConfiguration, owner: any PostgresOwner,
        counters: PostgresCounters
    ) {
        self.id = id
        let mailbox = mailbox
        thread.perform { PostgresEngine.run(id, after: pause, configuration, mailbox: mailbox, owner: owner, counters: counters) }
        thread.finish()
    }
}
