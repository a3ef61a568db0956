import AdapterKit
import DequeModule
import GatewayModel

/// Claimed deliveries that wait for a slot: organizations take turns, and within each its endpoints. Pure: time is handed in.
///
/// No endpoint has more than its share under way, whoever writes to it. An organization may take slots as long as a third of what it has
/// stays free: alone it gets three of four, and whoever comes while everything of it hangs still finds a slot.
struct TurnQueue: Sendable {
    /// What an organization has waiting for one endpoint.
    private struct Line {
        var waiting: Deque<ClaimedDelivery> = []
        var isInTurn = false
    }

    /// An organization.
    private struct Party {
        var lines: [Endpoint: Line] = [:]
        /// The endpoints that have something to start, in their order.
        var turns: Deque<Endpoint> = []
        var waiting = 0
        var underWay = 0
        /// It stands in `turns` or is set aside.
        var isInTurn = false
    }

    /// An endpoint, over all organizations.
    private struct Target {
        /// When each try under way began.
        var underWay: [LeaseToken: Timestamp] = [:]
        var waiting = 0
        /// Whose lines wait for it.
        var parties: [OrganizationID] = []
    }

    private let perEndpoint: Int
    private let slots: Int
    private var parties: [OrganizationID: Party] = [:]
    private var targets: [Endpoint: Target] = [:]
    private var turns: Deque<OrganizationID> = []
    /// Those passed over because they have their share of the slots; anybody's end may let them go on.
    private var aside: [OrganizationID] = []
    /// Waiting for endpoints that have their share under way.
    private var blockedCount = 0
    private(set) var waitingCount = 0
    private(set) var underWayCount = 0

    init(perEndpoint: Int, slots: Int) {
        self.perEndpoint = perEndpoint
        self.slots = slots
    }

    mutating func add(_ claimed: ClaimedDelivery) {
        let (organization, endpoint) = (claimed.delivery.organizationID, claimed.delivery.endpoint)
        // Taken out while it is changed, so that nothing is copied.
        var party = parties.removeValue(forKey: organization) ?? Party()
        var line = party.lines.removeValue(forKey: endpoint) ?? Line()
        var target = targets.removeValue(forKey: endpoint) ?? Target()
        if line.waiting.isEmpty { target.parties.append(organization) }
        line.waiting.append(claimed)
        party.waiting += 1
        target.waiting += 1
        waitingCount += 1
        if target.underWay.count >= perEndpoint {
            blockedCount += 1
        } else if !line.isInTurn {
            line.isInTurn = true
            party.turns.append(endpoint)
            if !party.isInTurn { turns.append(organization) }
            party.isInTurn = true
        }
        party.lines[endpoint] = line
        parties[organization] = party
        targets[endpoint] = target
    }

    /// The endpoint whose turn it is; `nil` when nobody may start.
    mutating func nextEndpoint() -> Endpoint? {
        guard underWayCount < slots else { return nil }
        while let organization = turns.first {
            guard mayStart(organization) else {
                aside.append(turns.removeFirst())
                continue
            }
            while let endpoint = parties[organization]?.turns.first {
                if !isFull(endpoint) { return endpoint }
                // Another organization took its last place; the end of a try there gives the turn back.
                parties[organization]?.turns.removeFirst()
                parties[organization]?.lines[endpoint]?.isInTurn = false
            }
            turns.removeFirst()
            parties[organization]?.isInTurn = false
        }
        return nil
    }

    /// The delivery whose turn it is; it counts as under way from now.
    mutating func next(at now: Timestamp) -> ClaimedDelivery? {
        guard let endpoint = nextEndpoint(), let organization = turns.popFirst(), var party = parties.removeValue(forKey: organization),
            var line = party.lines.removeValue(forKey: endpoint), let claimed = line.waiting.popFirst(),
            var target = targets.removeValue(forKey: endpoint)
        else { return nil }
        waitingCount -= 1
        underWayCount += 1
        party.waiting -= 1
        party.underWay += 1
        target.waiting -= 1
        target.underWay[claimed.token] = now
        let isFull = target.underWay.count >= perEndpoint
        if isFull { blockedCount += target.waiting }
        // Endpoint and organization go to the end of their rows.
        party.turns.removeFirst()
        line.isInTurn = !line.waiting.isEmpty && !isFull
        if line.isInTurn { party.turns.append(endpoint) }
        party.isInTurn = !party.turns.isEmpty
        if party.isInTurn { turns.append(organization) }
        if line.waiting.isEmpty { target.parties.removeAll { $0 == organization } } else { party.lines[endpoint] = line }
        parties[organization] = party
        targets[endpoint] = target
        return claimed
    }

    /// A try ended.
    mutating func finish(_ claimed: ClaimedDelivery) {
        let (organization, endpoint) = (claimed.delivery.organizationID, claimed.delivery.endpoint)
        guard targets[endpoint]?.underWay.removeValue(forKey: claimed.token) != nil, let target = targets[endpoint] else { return }
        underWayCount -= 1
        parties[organization]?.underWay -= 1
        if target.underWay.count == perEndpoint - 1 {
            blockedCount -= target.waiting
            for party in target.parties { giveTurn(party, endpoint) }
        }
        turns.append(contentsOf: aside)
        aside.removeAll()
        tidy(organization, endpoint)
    }

    /// Takes out everything that waits for one endpoint, or for all.
    mutating func withdraw(_ endpoint: Endpoint? = nil) -> [ClaimedDelivery] {
        takeOut { line, _ in endpoint == nil || endpoint == line }
    }

    /// Takes these out, wherever they wait.
    @discardableResult
    mutating func remove(_ tokens: Set<LeaseToken>) -> [ClaimedDelivery] {
        takeOut { _, claimed in tokens.contains(claimed.token) }
    }

    private mutating func takeOut(_ isMeant: (Endpoint, ClaimedDelivery) -> Bool) -> [ClaimedDelivery] {
        var taken: [ClaimedDelivery] = []
        guard waitingCount > 0 else { return taken }
        for (organization, party) in parties where party.waiting > 0 {
            for (endpoint, line) in party.lines {
                let leaving = line.waiting.filter { isMeant(endpoint, $0) }
                if leaving.isEmpty { continue }
                taken.append(contentsOf: leaving)
                waitingCount -= leaving.count
                if isFull(endpoint) { blockedCount -= leaving.count }
                targets[endpoint]?.waiting -= leaving.count
                parties[organization]?.waiting -= leaving.count
                let staying = line.waiting.filter { !isMeant(endpoint, $0) }
                if staying.isEmpty {
                    parties[organization]?.lines[endpoint] = nil
                    parties[organization]?.turns.removeAll { $0 == endpoint }
                    targets[endpoint]?.parties.removeAll { $0 == organization }
                } else {
                    parties[organization]?.lines[endpoint]?.waiting = Deque(staying)
                }
                tidy(organization, endpoint)
            }
        }
        turns.removeAll { parties[$0] == nil }
        aside.removeAll { parties[$0] == nil }
        return taken
    }

    private mutating func tidy(_ organization: OrganizationID, _ endpoint: Endpoint) {
        if let target = targets[endpoint], target.waiting == 0, target.underWay.isEmpty { targets[endpoint] = nil }
        guard let party = parties[organization], party.waiting == 0, party.underWay == 0 else { return }
        parties[organization] = nil
        if party.isInTurn {
            turns.removeAll { $0 == organization }
            aside.removeAll { $0 == organization }
        }
    }

    private mutating func giveTurn(_ organization: OrganizationID, _ endpoint: Endpoint) {
        guard let line = parties[organization]?.lines[endpoint], !line.isInTurn, !line.waiting.isEmpty, !isFull(endpoint) else { return }
        parties[organization]?.lines[endpoint]?.isInTurn = true
        parties[organization]?.turns.append(endpoint)
        guard parties[organization]?.isInTurn == false else { return }
        parties[organization]?.isInTurn = true
        turns.append(organization)
    }
}

// MARK: - Shares

extension TurnQueue {
    private func isFull(_ endpoint: Endpoint) -> Bool { (targets[endpoint]?.underWay.count ?? 0) >= perEndpoint }

    /// Whether the organization may have one more under way.
    func mayStart(_ organization: OrganizationID) -> Bool {
        (parties[organization]?.underWay ?? 0) < 3 * (slots - underWayCount)
    }

    var waiting: [ClaimedDelivery] { parties.values.flatMap { $0.lines.values.flatMap(\.waiting) } }

    func waitingCount(of organization: OrganizationID) -> Int { parties[organization]?.waiting ?? 0 }

    /// How many could start as slots come free: their endpoint has room, and their organization has not its share already.
    var readyCount: Int { uncrowdedCount - blockedCount }

    /// How many wait whose organization has not its share already.
    var uncrowdedCount: Int { waitingCount - aside.reduce(0) { $0 + (parties[$1]?.waiting ?? 0) } }

    /// Organizations that have their share of the slots.
    var crowded: Set<OrganizationID> {
        guard underWayCount < slots else { return [] }
        return Set(parties.keys.filter { !mayStart($0) })
    }

    /// How many more any organization could start at the most that is not crowded; what a claim brings beyond it could not start.
    var room: Int {
        let free = slots - underWayCount
        let taken = parties.values.map { $0.underWay + $0.waiting }.filter { $0 < 3 * free }.max() ?? 0
        return free > 0 ? (3 * free - taken + 3) / 4 : 0
    }

    /// Endpoints whose whole share has been under way since before `time` while others wait behind it.
    func stuck(since time: Timestamp) -> [Endpoint] {
        targets.filter {
            $0.value.waiting > 0 && $0.value.underWay.count >= perEndpoint && $0.value.underWay.values.allSatisfy { $0 <= time }
        }
        .map(\.key)
    }
}
