public import AdapterKit
public import GatewayModel
import Synchronization

/// Counts what happens: totals since the start, and rates over the last five minutes.
public final class Metrics: DeliveryObserver, Sendable {
    public struct AttemptKey: Hashable, Sendable {
        public var channel: ChannelName
        public var outcome: AttemptOutcome
    }

    public struct ActionKey: Hashable, Sendable {
        public var action: String
        public var result: String

        public init(action: String, result: String) {
            self.action = action
            self.result = result
        }
    }

    /// Totals at one moment.
    public struct Snapshot: Sendable {
        public var attempts: [AttemptKey: Int] = [:]
        public var quoteActions: [ActionKey: Int] = [:]
        public var accepted: [ChannelName: Int] = [:]
        public var claimed: [ChannelName: Int] = [:]
        public var leasesLost: [ChannelName: Int] = [:]
        public var settlementsFailed: [ChannelName: Int] = [:]
        public var storeFailures = 0
        public var attemptSeconds: [ChannelName: Double] = [:]
        public var circuits: [ChannelName: CircuitState] = [:]
        public var pausedAccounts: [ChannelName: DeliveryFailure] = [:]
        fileprivate var recent: [ChannelName: RecentTries] = [:]
    }

    private let clock: any WallClock
    private let snapshotNow = Mutex(Snapshot())

    public init(clock: any WallClock) { self.clock = clock }

    public var snapshot: Snapshot { snapshotNow.withLock { $0 } }

    /// Tries a second over the last five minutes, and which share of them failed (0…1).
    public func rate(of channel: ChannelName) -> (perSecond: Double, errorRate: Double) {
        let now = clock.now
        return snapshotNow.withLock { $0.recent[channel]?.rate(at: now) ?? (0, 0) }
    }

    public func observe(_ event: GatewayEvent) {
        switch event {
        case .accepted(let deliveries):
            snapshotNow.withLock { snapshot in
                for delivery in deliveries { snapshot.accepted[delivery.endpoint.channel, default: 0] += 1 }
            }
        case .claimed(let channel, let count): snapshotNow.withLock { $0.claimed[channel, default: 0] += count }
        case .attempted(let delivery, let outcome, _, let took):
            let channel = delivery.endpoint.channel
            let now = clock.now
            snapshotNow.withLock { snapshot in
                snapshot.attempts[AttemptKey(channel: channel, outcome: outcome), default: 0] += 1
                snapshot.attemptSeconds[channel, default: 0] += took.inSeconds
                snapshot.recent[channel, default: RecentTries()].add(failed: outcome != .accepted, at: now)
            }
        case .leaseLost(let channel): snapshotNow.withLock { $0.leasesLost[channel, default: 0] += 1 }
        case .settlementFailed(let channel, _): snapshotNow.withLock { $0.settlementsFailed[channel, default: 0] += 1 }
        case .circuit(let channel, let state): snapshotNow.withLock { $0.circuits[channel] = state }
        case .accountPaused(let channel, let failure): snapshotNow.withLock { $0.pausedAccounts[channel] = failure }
        case .accountResumed(let channel): snapshotNow.withLock { $0.pausedAccounts[channel] = nil }
        case .quoteAction(let action, let result):
            snapshotNow.withLock { $0.quoteActions[ActionKey(action: action, result: result), default: 0] += 1 }
        case .storeFailed: snapshotNow.withLock { $0.storeFailures += 1 }
        case .changed, .suppressionAdded, .recovered, .eventUndecodable, .eventHeldUp, .purged: break
        }
    }
}

/// Tries in slots of ten seconds, kept for five minutes.
private struct RecentTries: Sendable {
    private static let slotSeconds: Int64 = 10
    private static let slotCount = 30
    private var slots = [(slot: Int64, tries: Int, failed: Int)](repeating: (-1, 0, 0), count: slotCount)

    mutating func add(failed: Bool, at now: Timestamp) {
        let slot = now.secondsSinceEpoch / Self.slotSeconds
        let index = Int(slot % Int64(Self.slotCount))
        if slots[index].slot != slot { slots[index] = (slot, 0, 0) }
        slots[index].tries += 1
        if failed { slots[index].failed += 1 }
    }

    func rate(at now: Timestamp) -> (perSecond: Double, errorRate: Double) {
        let oldest = now.secondsSinceEpoch / Self.slotSeconds - Int64(Self.slotCount)
        let live = slots.filter { $0.slot > oldest }
        let tries = live.reduce(0) { $0 + $1.tries }
        let failed = live.reduce(0) { $0 + $1.failed }
        return (Double(tries) / Double(Self.slotSeconds * Int64(Self.slotCount)), tries == 0 ? 0 : Double(failed) / Double(tries))
    }
}
