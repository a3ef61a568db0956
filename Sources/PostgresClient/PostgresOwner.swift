/// Whom a connection tells what became of it; called on its thread.
protocol PostgresOwner: AnyObject, Sendable {
    func opened(_ id: ConnectionID)
    func failedToOpen(_ id: ConnectionID, _ error: PostgresError)
    func ended(_ id: ConnectionID, _ ends: [JobEnd])
    /// The connection is gone; what it was given and is not among the ends has not been begun.
    func left(_ id: ConnectionID, _ ends: [JobEnd])
    func notified(_ notification: PostgresNotification)
    /// Asks the server to cancel what the connection is at, on some other thread.
    func send(_ request: PostgresCancelRequest)
}
