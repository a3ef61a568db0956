public import AdapterKit
import DequeModule
public import GatewayModel

/// Claimed deliveries that wait for a slot: endpoints take turns, and none has more than its share under way. Pure: time is handed in.
public struct EndpointQueue: Sendable {
    private struct Line {
        var waiting: Deque<ClaimedDelivery> = []
        /// When each try under way began, oldest first.
        var underWay: [DeliveryID: Timestamp] = [:]
        var isInTurn = false
    }

    private let perEndpoint: Int
    private var lines: [Endpoint: Line] = [:]
    private var turns: Deque<Endpoint> = []
    public private(set) var waitingCount = 0
    public private(set) var underWayCount = 0

    public init(perEndpoint: Int) { self.perEndpoint = perEndpoint }

    public mutating func add(_ claimed: ClaimedDelivery) {
        let endpoint = claimed.delivery.endpoint
        lines[endpoint, default: Line()].waiting.append(claimed)
        waitingCount += 1
        giveTurn(endpoint)
    }

    /// The next delivery whose endpoint has room; it counts as under way from now.
    public mutating func next(at now: Timestamp) -> ClaimedDelivery? {
        guard let endpoint = turns.popFirst(), var line = lines.removeValue(forKey: endpoint) else { return nil }
        let claimed = line.waiting.removeFirst()
        line.underWay[claimed.delivery.id] = now
        line.isInTurn = false
        lines[endpoint] = line
        waitingCount -= 1
        underWayCount += 1
        giveTurn(endpoint)
        return claimed
    }

    /// A try ended.
    public mutating func finish(_ delivery: Delivery) {
        guard lines[delivery.endpoint]?.underWay.removeValue(forKey: delivery.id) != nil else { return }
        underWayCount -= 1
        giveTurn(delivery.endpoint)
        if let line = lines[delivery.endpoint], line.waiting.isEmpty, line.underWay.isEmpty { lines[delivery.endpoint] = nil }
    }

    /// Takes out everything that waits for one endpoint, or for all.
    public mutating func withdraw(_ endpoint: Endpoint? = nil) -> [ClaimedDelivery] {
        var withdrawn: [ClaimedDelivery] = []
        for key in endpoint.map({ [$0] }) ?? Array(lines.keys) {
            guard var line = lines[key] else { continue }
            withdrawn.append(contentsOf: line.waiting)
            waitingCount -= line.waiting.count
            line.waiting.removeAll()
            line.isInTurn = false
            lines[key] = line.underWay.isEmpty ? nil : line
        }
        turns.removeAll { lines[$0]?.isInTurn != true }
        return withdrawn
    }

    public var waiting: [ClaimedDelivery] { lines.values.flatMap { Array($0.waiting) } }

    /// Takes these out, wherever they wait.
    public mutating func remove(_ ids: Set<DeliveryID>) {
        for (endpoint, line) in lines where line.waiting.contains(where: { ids.contains($0.delivery.id) }) {
            var line = line
            line.waiting.removeAll { ids.contains($0.delivery.id) }
            waitingCount -= lines[endpoint]!.waiting.count - line.waiting.count
            if line.waiting.isEmpty { line.isInTurn = false }
            lines[endpoint] = line.waiting.isEmpty && line.underWay.isEmpty ? nil : line
        }
        turns.removeAll { lines[$0]?.isInTurn != true }
    }

    /// Endpoints whose whole share has been under way since before `time` while others wait behind it.
    public func stuck(since time: Timestamp) -> [Endpoint] {
        lines.filter { !$0.value.waiting.isEmpty && $0.value.underWay.count >= perEndpoint && $0.value.underWay.values.allSatisfy { $0 <= time } }
            .map(\.key)
    }

    private mutating func giveTurn(_ endpoint: Endpoint) {
        guard var line = lines[endpoint], !line.isInTurn, !line.waiting.isEmpty, line.underWay.count < perEndpoint else { return }
        line.isInTurn = true
        lines[endpoint] = line
        turns.append(endpoint)
    }
}
