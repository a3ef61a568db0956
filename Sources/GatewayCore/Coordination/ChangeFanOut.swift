public import AdapterKit
public import GatewayModel
import Synchronization

/// A delivery that changed, without anything of what it says.
public struct DeliveryChangeNotice: Hashable, Sendable {
    public var organizationID: OrganizationID
    public var deliveryID: DeliveryID
    /// When it changed last.
    public var revision: Timestamp

    public init(organizationID: OrganizationID, deliveryID: DeliveryID, revision: Timestamp) {
        self.organizationID = organizationID
        self.deliveryID = deliveryID
        self.revision = revision
    }
}

/// Carries notices of changes to the other nodes.
public protocol ChangeTransport: Sendable {
    /// Tells the other nodes, and never this one; returns at once. Without a connection it is dropped.
    func publish(_ changes: [DeliveryChangeNotice])

    /// Who is told what changed elsewhere; called once, before anything runs.
    func hear(_ listener: @escaping @Sendable ([DeliveryChangeNotice]) -> Void)
}

/// Shows the deliveries that change on one node to those who watch on another.
///
/// Only ids travel; whoever is watched reads the rows himself. Nothing waits for it: what is too much is dropped, as for any slow watcher.
public final class ChangeFanOut: DeliveryObserver, Sendable {
    /// What waits to be told, or to be read, by id: of several changes only the last counts.
    private struct Waiting {
        var revisions: [DeliveryID: (OrganizationID, Timestamp)] = [:]
        var isRunning = false

        /// Answers whether somebody must begin to work it off.
        mutating func add(_ changes: [DeliveryChangeNotice]) -> Bool {
            for change in changes {
                if revisions.count >= ChangeFanOut.most, revisions[change.deliveryID] == nil { continue }
                if let known = revisions[change.deliveryID], known.1 > change.revision { continue }
                revisions[change.deliveryID] = (change.organizationID, change.revision)
            }
            if revisions.isEmpty || isRunning { return false }
            isRunning = true
            return true
        }

        /// At the end of what waits nobody works it off any more.
        mutating func take(_ count: Int) -> [DeliveryChangeNotice] {
            let taken = revisions.prefix(count)
            for (id, _) in taken { revisions[id] = nil }
            if taken.isEmpty { isRunning = false }
            return taken.map { DeliveryChangeNotice(organizationID: $0.value.0, deliveryID: $0.key, revision: $0.value.1) }
        }
    }

    private static let most = 1000
    /// How long changes gather before they are told together.
    private static let gathering = Duration.milliseconds(20)
    /// How many fit into one message.
    private static let batch = 200

    private let feed: StatusFeed
    private let store: any OutboxReading
    private let transport: any ChangeTransport
    private let clock: any WallClock
    private let leaving = Mutex(Waiting())
    private let arriving = Mutex(Waiting())

    public init(feed: StatusFeed, store: any OutboxReading, transport: any ChangeTransport, clock: any WallClock) {
        self.feed = feed
        self.store = store
        self.transport = transport
        self.clock = clock
        transport.hear { [weak self] changes in self?.take(changes) }
    }

    public func observe(_ event: GatewayEvent) {
        switch event {
        case .changed(let delivery): tell([delivery])
        case .accepted(let deliveries): tell(deliveries)
        default: break
        }
    }

    private func tell(_ deliveries: [Delivery]) {
        let changes = deliveries.prefix(Self.most).map {
            DeliveryChangeNotice(organizationID: $0.organizationID, deliveryID: $0.id, revision: $0.updatedAt)
        }
        guard leaving.withLock({ $0.add(changes) }) else { return }
        Task {
            repeat {
                try? await clock.sleep(until: clock.now + Self.gathering)
                let batch = leaving.withLock { $0.take(Self.batch) }
                if batch.isEmpty { return }
                transport.publish(batch)
            } while true
        }
    }

    private func take(_ changes: [DeliveryChangeNotice]) {
        guard feed.hasListeners, arriving.withLock({ $0.add(changes) }) else { return }
        Task {
            while let change = arriving.withLock({ $0.take(1) }).first {
                guard let delivery = try? await store.delivery(change.deliveryID, organizationID: change.organizationID) else { continue }
                feed.publish([delivery])
            }
        }
    }
}
