public import AdapterKit

/// Where a delivery stands; exactly one at any time, and the only states that are stored.
public enum DeliveryState: String, Hashable, Sendable, CaseIterable {
    case pending, succeeded, failed, suppressed, cancelled, unknown

    /// Nothing moves it any more but a report, a person, or erasure.
    public var isSettled: Bool { self != .pending }
}

/// What people are shown: the stored state, or what a pending delivery is doing.
public enum ShownState: String, Hashable, Sendable, CaseIterable {
    case pending, scheduled, processing, succeeded, failed, suppressed, cancelled, unknown

    public init(_ state: DeliveryState, dueAt: Timestamp, leaseUntil: Timestamp?, now: Timestamp) {
        switch state {
        case .pending: self = leaseUntil.map { $0 > now } == true ? .processing : dueAt > now ? .scheduled : .pending
        case .succeeded: self = .succeeded
        case .failed: self = .failed
        case .suppressed: self = .suppressed
        case .cancelled: self = .cancelled
        case .unknown: self = .unknown
        }
    }
}

/// How much a provider has confirmed of a succeeded delivery; only ever rises.
public enum Confirmation: String, Hashable, Sendable, CaseIterable, Comparable {
    case sent, delivered, read

    private var rank: Int { self == .sent ? 0 : self == .delivered ? 1 : 2 }
    public static func < (a: Confirmation, b: Confirmation) -> Bool { a.rank < b.rank }
}

/// What else is to be known of a delivery, whatever its state.
public struct DeliveryFlags: OptionSet, Hashable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let bounced = DeliveryFlags(rawValue: 1)
    public static let complained = DeliveryFlags(rawValue: 2)
    public static let undelivered = DeliveryFlags(rawValue: 4)
    public static let lateReport = DeliveryFlags(rawValue: 8)
    public static let possibleDuplicate = DeliveryFlags(rawValue: 16)

    /// The names shown to callers, in the order of the contract.
    public var names: [String] {
        [
            (.bounced, "bounced"), (.complained, "complained"), (.undelivered, "undelivered"), (.lateReport, "lateReport"),
            (.possibleDuplicate, "possibleDuplicate"),
        ]
        .filter { contains($0.0) }.map { (pair: (DeliveryFlags, String)) in pair.1 }
    }
}

/// Which path made a delivery.
public enum DeliveryOrigin: String, Hashable, Sendable, CaseIterable {
    case workflow, legacy, api, system
}

/// To whom a step speaks.
public enum Audience: String, Hashable, Sendable, CaseIterable {
    case lead, partner, agent, `internal`, custom
}
