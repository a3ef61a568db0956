public import AdapterKit

/// How many deliveries stand in which state, counted at one moment.
public struct OutboxCounts: Hashable, Sendable {
    /// Accepted since the store was made, less those that retention removed.
    public var accepted: Int
    public var states: [ChannelName: [DeliveryState: Int]]
    /// Of the pending ones: due later and not claimed.
    public var scheduled: [ChannelName: Int]
    /// Of the pending ones: under a live lease.
    public var processing: [ChannelName: Int]
    public var triggers: [String: [DeliveryState: Int]]
    /// The due time of the pending delivery that has been due longest.
    public var oldestDue: Timestamp?

    public init(
        accepted: Int, states: [ChannelName: [DeliveryState: Int]] = [:], scheduled: [ChannelName: Int] = [:],
        processing: [ChannelName: Int] = [:], triggers: [String: [DeliveryState: Int]] = [:], oldestDue: Timestamp? = nil
    ) {
        self.accepted = accepted
        self.states = states
        self.scheduled = scheduled
        self.processing = processing
        self.triggers = triggers
        self.oldestDue = oldestDue
    }
}

extension OutboxCounts {
    /// Accepted deliveries that are in no state, or in two: always 0.
    public var unaccounted: Int { accepted - states.values.reduce(0) { $0 + $1.values.reduce(0, +) } }
}
