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

    private let pool: PostgresPool
    private let listener: PostgresListener

    /// `nil` behind a pooler that works by transactions, through which nobody can listen.
    public init?(_ store: PostgresStore, at location: PostgresLocation, logger: Logger) {
        guard location.configuration.pooler == .none else { return nil }
        pool = store.pool
        listener = PostgresListener(location.configuration, listen: ["LISTEN gateway_wakes"], logger: logger)
    }

    /// What is heard, for one task; returns when that is cancelled or the signals are closed.
    public func listen(_ body: (Event) -> Void) async {
        for await event in listener.events {
            switch event {
            case .listening: body(.listening)
            case .notification(let notification): body(.message(notification.payload))
            case .away: body(.away)
            }
        }
    }

    /// Tells every daemon that listens, this one too.
    ///
    /// In a transaction of its own, since one with a NOTIFY in it keeps all others of that kind in line until it is committed; and one that
    /// waits for no disk, since a hint need not survive anything.
    public func send(_ text: String) async {
        // A hint that cannot be given is no fault.
        _ = try? await pool.run(
            .change("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)", Self.channel, text))
    }

    public func close() async { await listener.close() }
}
