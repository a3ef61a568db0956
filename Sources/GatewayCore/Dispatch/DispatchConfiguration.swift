/// How a node works through the outbox.
public struct DispatchConfiguration: Hashable, Sendable {
    /// How many deliveries one claim takes at the most.
    public var batch: Int
    /// How many attempts of one channel run at once at the most, whatever the channel is configured for.
    public var concurrency: Int
    /// How long a claim holds unless it is renewed; renewed at a third of it.
    public var lease: Duration
    /// How long attempts may go on after the order to stop.
    public var grace: Duration

    public init(batch: Int = 500, concurrency: Int = 256, lease: Duration = .seconds(60), grace: Duration = .seconds(25)) {
        self.batch = batch
        self.concurrency = concurrency
        self.lease = lease
        self.grace = grace
    }
}
