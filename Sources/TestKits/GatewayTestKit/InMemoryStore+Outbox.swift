public import AdapterKit
import GatewayCore
public import GatewayModel

extension InMemoryStore: OutboxWriting, OutboxClaiming {
    public func accept(_ messages: [NewMessage]) async throws(StoreError) -> [MessageAcceptance] {
        try write { tables in messages.map { tables.accept($0) } }
    }

    public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
        try write { $0.claim(request) }
    }

    public func markTransmitting(_ leases: [LeaseReference], at now: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        try write { tables in
            tables.change(leases) { row in
                guard let lease = row.delivery.lease, lease.until > now else { return false }
                row.delivery.lease?.isTransmitting = true
                return true
            }
        }
    }

    public func renew(_ leases: [LeaseReference], until: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        try write { tables in
            tables.change(leases) { row in
                row.delivery.lease?.until = until
                return true
            }
        }
    }

    public func settle(_ settlements: [Settlement]) async throws(StoreError) -> Set<DeliveryID> {
        try write { tables -> Result<Set<DeliveryID>, StoreError> in
            // A number that the journal has already spoils the whole write.
            let isSpoilt = settlements.contains { settlement in
                guard let row = tables.rows[settlement.deliveryID], row.delivery.lease?.token == settlement.token else { return false }
                return row.attempts.contains { $0.number == settlement.attempt?.number }
            }
            if isSpoilt { return .failure(.driver(code: 0)) }
            var settled: Set<DeliveryID> = []
            for settlement in settlements {
                guard var row = tables.rows[settlement.deliveryID], row.delivery.lease?.token == settlement.token else { continue }
                row.delivery.apply(settlement.change)
                if let attempt = settlement.attempt { row.attempts.append(attempt) }
                tables.rows[settlement.deliveryID] = row
                settled.insert(settlement.deliveryID)
                settled.formUnion(
                    tables.take(settlement.change.fallback, of: settlement.deliveryID, at: settlement.change.updatedAt))
            }
            return .success(settled)
        }.get()
    }

    public func release(_ leases: [LeaseReference], dueAt: Timestamp?) async throws(StoreError) {
        try write { tables in
            for lease in leases { tables.release(lease, dueAt: dueAt) }
        }
    }

    public func expiredLeases(at now: Timestamp, limit: Int) async throws(StoreError) -> [ClaimedDelivery] {
        try write { tables in
            let expired = tables.pending { $0.delivery.lease.map { $0.until <= now } ?? false }
                .sorted { ($0.delivery.lease?.until ?? now) < ($1.delivery.lease?.until ?? now) }.prefix(limit)
            var claimed: [ClaimedDelivery] = []
            for row in expired {
                guard let token = row.delivery.lease?.token else { continue }
                if tables.spoiled.contains(row.delivery.id) {
                    // Back into the queue, where the next claim hands it out as undecodable.
                    tables.release(LeaseReference(deliveryID: row.delivery.id, token: token), dueAt: nil)
                } else {
                    claimed.append(ClaimedDelivery(delivery: row.delivery, content: row.content, token: token))
                }
            }
            return claimed
        }
    }

    public func nextLeaseEnd() async throws(StoreError) -> Timestamp? {
        try read { tables in tables.pending().compactMap(\.delivery.lease?.until).min() }
    }

    public func overdue(at now: Timestamp, limit: Int) async throws(StoreError) -> [Delivery] {
        try read { tables in
            Array(
                tables.pending { $0.delivery.deadline <= now && $0.delivery.lease == nil }.map(\.delivery)
                    .sorted { $0.deadline < $1.deadline }.prefix(limit))
        }
    }

    public func nextDeadline() async throws(StoreError) -> Timestamp? {
        try read { tables in tables.pending().map(\.delivery.deadline).min() }
    }
}

extension InMemoryTables {
    mutating func accept(_ message: NewMessage) -> MessageAcceptance {
        if let key = message.idempotencyKey.map({ Key(organizationID: message.organizationID, text: $0) }) {
            if let id = messagesByKey[key], let earlier = messages[id] {
                return earlier.bodyHash == message.bodyHash ? .duplicate(id, deliveries(of: id)) : .conflict
            }
            messagesByKey[key] = message.id
        }
        messages[message.id] = message
        accepted[message.organizationID, default: 0] += message.deliveries.count
        for (new, delivery) in zip(message.deliveries, message.accepted) {
            lastNumber += 1
            rows[new.id] = Row(delivery: delivery, content: new.content, plannedAt: new.dueAt, number: lastNumber)
        }
        return .created(message.accepted)
    }

    func deliveries(of message: MessageID) -> [Delivery] {
        rows.values.filter { $0.delivery.messageID == message }.sorted { $0.number < $1.number }.map(\.delivery)
    }

    mutating func claim(_ request: ClaimRequest) -> Claim {
        var lanes: [OrganizationID: [Row]] = [:]
        let heads = heads()
        for row in pending() where row.delivery.endpoint.channel == request.channel && row.delivery.lease == nil {
            let delivery = row.delivery
            guard delivery.dueAt <= request.now, !request.excludedOrganizations.contains(delivery.organizationID) else { continue }
            if let key = delivery.orderingKey, heads[Key(organizationID: delivery.organizationID, text: key)] != delivery.id { continue }
            lanes[delivery.organizationID, default: []].append(row)
        }
        for id in lanes.keys { lanes[id]?.sort { ($0.delivery.dueAt, $0.number) < ($1.delivery.dueAt, $1.number) } }
        let start = turns[request.channel]
        var turn = lanes.keys.sorted().filter { id in start.map { id > $0 } ?? true }
        turn += lanes.keys.sorted().filter { !turn.contains($0) }
        var claim = Claim()
        while claim.deliveries.count + claim.undecodable.count < request.limit, let organization = turn.first {
            turn.removeFirst()
            guard var lane = lanes[organization], !lane.isEmpty else { continue }
            let row = lane.removeFirst()
            lanes[organization] = lane
            turn.append(organization)
            turns[request.channel] = organization
            let claimed = lease(row, until: request.leaseUntil)
            if spoiled.contains(claimed.delivery.id) {
                claim.undecodable.append(LeaseReference(deliveryID: claimed.delivery.id, token: claimed.token))
            } else {
                claim.deliveries.append(claimed)
            }
        }
        claim.isFull = claim.deliveries.count + claim.undecodable.count >= request.limit
        claim.nextDue = pending { row in
            row.delivery.endpoint.channel == request.channel && row.delivery.lease == nil && row.delivery.dueAt > request.now
                && row.delivery.dueAt < .distantFuture
        }.map(\.delivery.dueAt).min()
        return claim
    }

    private mutating func lease(_ row: Row, until: Timestamp) -> ClaimedDelivery {
        var row = row
        let token = LeaseToken.make()
        row.delivery.lease = Lease(token: token, until: until)
        row.delivery.claimCount += 1
        rows[row.delivery.id] = row
        return ClaimedDelivery(delivery: row.delivery, content: row.content, token: token)
    }

    /// The one delivery of each ordering key that may go out next: what is on its way, else the earliest as planned.
    private func heads() -> [Key: DeliveryID] {
        var heads: [Key: Row] = [:]
        for row in pending() {
            guard let text = row.delivery.orderingKey else { continue }
            let key = Key(organizationID: row.delivery.organizationID, text: text)
            guard let head = heads[key] else {
                heads[key] = row
                continue
            }
            func rank(_ row: Row) -> (Int, Timestamp, Timestamp, Int) {
                (row.delivery.lease == nil ? 1 : 0, row.plannedAt, row.delivery.createdAt, row.number)
            }
            if rank(row) < rank(head) { heads[key] = row }
        }
        return heads.mapValues(\.delivery.id)
    }

    mutating func release(_ lease: LeaseReference, dueAt: Timestamp?) {
        _ = change([lease]) { row in
            row.delivery.lease = nil
            row.delivery.claimCount = max(0, row.delivery.claimCount - 1)
            if let dueAt { row.delivery.dueAt = dueAt }
            return true
        }
    }

    mutating func change(_ leases: [LeaseReference], by body: (inout Row) -> Bool) -> Set<DeliveryID> {
        var changed: Set<DeliveryID> = []
        for lease in leases {
            guard var row = rows[lease.deliveryID], row.delivery.lease?.token == lease.token, body(&row) else { continue }
            rows[lease.deliveryID] = row
            changed.insert(lease.deliveryID)
        }
        return changed
    }

    @discardableResult
    mutating func take(_ effect: FallbackEffect, of id: DeliveryID, at now: Timestamp) -> [DeliveryID] {
        var changed: [DeliveryID] = []
        for var row in pending({ $0.delivery.fallbackOf == id && $0.delivery.lease == nil }) {
            switch effect {
            case .none: break
            case .activate:
                guard row.delivery.dueAt > now else { continue }
                row.delivery.dueAt = now
                row.plannedAt = now
                row.delivery.updatedAt = now
                row.delivery.revision += 1
                rows[row.delivery.id] = row
                changed.append(row.delivery.id)
            case .cancel: changed += cancelSuperseded(row.delivery.id, at: now)
            }
        }
        return changed
    }

    @discardableResult
    mutating func cancelSuperseded(_ id: DeliveryID, at now: Timestamp) -> [DeliveryID] {
        guard var row = rows[id] else { return [] }
        row.delivery.state = .cancelled
        row.delivery.reason = .superseded
        row.delivery.lease = nil
        row.delivery.settledAt = now
        row.delivery.updatedAt = now
        row.delivery.revision += 1
        rows[id] = row
        return [id] + take(.cancel, of: id, at: now)
    }
}
