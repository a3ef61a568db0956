public import AdapterKit

/// What one node found out about a channel's account, for the others: it saves them tries and decides nothing.
public enum CircuitNews: Hashable, Sendable {
    /// The provider is down; it is tried again after that time.
    case opened(probeIn: Duration)
    case closed
    /// The account may not send; it is asked again after that time.
    case paused(probeIn: Duration, ErrorClass, code: String?)
    case resumed
}

/// Carries such news between nodes.
public protocol CircuitExchange: Sendable {
    /// Tells the other nodes, and never this one; returns at once.
    func publish(_ news: CircuitNews, on channel: ChannelName)

    /// Who is told what other nodes found out; called once, before anything runs.
    func hear(_ listener: @escaping @Sendable (CircuitNews, ChannelName) -> Void)
}
