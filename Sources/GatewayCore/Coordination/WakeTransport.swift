/// Carries wakes to the other nodes that work on the same store. A wake is a hint: what is lost costs time, nothing else.
public protocol WakeTransport: Sendable {
    /// Tells the other nodes, and never this one; returns at once. Without a connection it is dropped.
    func publish(_ wakes: [Wake])

    /// Who is told what comes from the other nodes; called once, and told at once if hearing has begun.
    func hear(_ listener: @escaping @Sendable (WakeNews) -> Void)
}

/// What a transport says.
public enum WakeNews: Hashable, Sendable {
    /// Hearing has begun, for the first time or anew: something may have been missed before.
    case hearing
    case wakes([Wake])
    /// Nothing is heard until `hearing` comes again.
    case away
}
