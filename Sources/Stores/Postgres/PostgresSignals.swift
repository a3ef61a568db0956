public import Logging
import PostgresClient

/// Short messages between the daemons on one database, each a hint that may be lost: PostgreSQL's LISTEN and NOTIFY, on a connection of
/// their own.
///
/// To be closed when it is no longer needed.
public final class PostgresSignals: Sendable {
    public enum Event: Hashable, Sendable {
        /// Listening has begun, for the first time or anew: something may have been missed before.
        case listening
        case message(String)
        /// Nothing is heard until `listening` comes again.
        case away
    }

    private static let channel = "gateway_wakes"

    private let store: PostgresStore
    private let listener: PostgresListener

    /// `nil` behind a pooler that works by transactions, through which nobody can listen.
    public init?(_ store: PostgresStore, at location: PostgresLocation, logger: Logger) {
        guard location.configuration.pooler == .none else { return nil }
        self.store = store
        listener = PostgresListener(location.configuration, listen: ["LISTEN gateway_wakes"], logger: logger)
    }

    /// What is heard, for one task.
    public func listen(_ body: (Event) -> Void) async {
        for await event in listener.events {
            switch event {
            case .listening: body(.listening)
            case .notification(let notification): body(.message(notification.payload))
            case .away: body(.away)
            }
        }
    }

    /// Tells every daemon that listens, this one too. In a transaction of its own: a NOTIFY within another would keep all commits with one in
    /// line for as long as that one takes.
    public func send(_ text: String) async {
        // A hint that cannot be given is no fault.
        _ = try? await store.pool.run(.change("SELECT pg_notify($1, $2)", Self.channel, text))
    }

    public func close() async { await listener.close() }
}
