public import AdapterKit
public import GatewayModel
import Synchronization

extension SQLiteStore: OutboxClaiming {
    public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
        guard request.limit > 0 else { return Claim() }
        return try await writer.write(weight: request.limit * 256) { [self] connection throws(StoreError) in
            var claim = Claim()
            let start = turns.withLock { $0[request.channel] }
            let lanes = try connection.lanes(of: request, after: start)
            let last = try connection.share(request, among: lanes) { number, token throws(StoreError) in
                do throws(StoreError) {
                    let claimed = try connection.first(DeliveryRow.claimed, number, read: DeliveryRow.readClaimed)
                    if let claimed { claim.deliveries.append(claimed) }
                } catch .corrupt {
                    if let id = try connection.deliveryID(number) { claim.undecodable.append(LeaseReference(deliveryID: id, token: token)) }
                }
            }
            if let last { turns.withLock { $0[request.channel] = last } }
            claim.isFull = claim.deliveries.count + claim.undecodable.count >= request.limit
            claim.nextDue = try connection.nextDue(request.channel, after: request.now)
            return claim
        }
    }

    public func markTransmitting(_ leases: [LeaseReference], at now: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        try await writer.write(weight: leases.count * 64) { connection throws(StoreError) in
            try connection.marked(leases) { lease throws(StoreError) in
                try connection.run(
                    """
                    UPDATE outbox SET transmitting = 1
                    WHERE delivery = (SELECT number FROM deliveries WHERE id = ?) AND lease_token = ? AND lease_until > ?
                    """, lease.deliveryID, lease.token, now)
            }
        }
    }

    public func renew(_ leases: [LeaseReference], until: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        try await writer.write(weight: leases.count * 64) { connection throws(StoreError) in
            try connection.marked(leases) { lease throws(StoreError) in
                try connection.run(
                    """
                    UPDATE outbox SET lease_until = ?
                    WHERE delivery = (SELECT number FROM deliveries WHERE id = ?) AND lease_token = ?
                    """, until, lease.deliveryID, lease.token)
            }
        }
    }

    public func release(_ leases: [LeaseReference], dueAt: Timestamp?) async throws(StoreError) {
        try await writer.write(weight: leases.count * 64) { connection throws(StoreError) in
            for lease in leases { try connection.release(lease, dueAt: dueAt) }
        }
    }

    public func expiredLeases(at now: Timestamp, limit: Int) async throws(StoreError) -> [ClaimedDelivery] {
        try await writer.write { connection throws(StoreError) in
            let expired = try connection.all(
                """
                SELECT o.delivery, d.id, o.lease_token FROM outbox o JOIN deliveries d ON d.number = o.delivery
                WHERE o.lease_token IS NOT NULL AND o.lease_until <= ? ORDER BY o.lease_until LIMIT ?
                """, now, limit
            ) { row throws(StoreError) in
                (number: try row.read(Int64.self), id: try row.read(DeliveryID.self), token: try row.read(LeaseToken.self))
            }
            var claimed: [ClaimedDelivery] = []
            for lease in expired {
                do throws(StoreError) {
                    if let one = try connection.first(DeliveryRow.claimed, lease.number, read: DeliveryRow.readClaimed) {
                        claimed.append(one)
                    }
                } catch .corrupt {
                    // Back into the queue, where the next claim hands it out as undecodable.
                    try connection.release(LeaseReference(deliveryID: lease.id, token: lease.token), dueAt: nil)
                }
            }
            return claimed
        }
    }

    public func nextLeaseEnd() async throws(StoreError) -> Timestamp? {
        try await readers.read { connection throws(StoreError) in
            try connection.first("SELECT lease_until FROM outbox WHERE lease_token IS NOT NULL ORDER BY lease_until LIMIT 1") {
                row throws(StoreError) in try row.read(Timestamp.self)
            }
        }
    }

    public func overdue(at now: Timestamp, limit: Int) async throws(StoreError) -> [Delivery] {
        try await readers.read { connection throws(StoreError) in
            // One that cannot be read is left to the claim, which says so.
            try connection.all(DeliveryRow.overdue, now, limit) { row throws(StoreError) in
                do throws(StoreError) { return try DeliveryRow.read(&row) } catch .corrupt { return nil }
            }.compactMap { (delivery: Delivery?) in delivery }
        }
    }

    public func nextDeadline() async throws(StoreError) -> Timestamp? {
        try await readers.read { connection throws(StoreError) in
            try connection.first("SELECT deadline FROM outbox ORDER BY deadline LIMIT 1") { row throws(StoreError) in
                try row.read(Timestamp.self)
            }
        }
    }
}

extension SQLiteConnection {
    /// Organizations with due work, beginning after the one that was served last: no more than the claim can serve.
    fileprivate func lanes(of request: ClaimRequest, after start: OrganizationID?) throws(StoreError) -> [OrganizationID] {
        if let few = try few(of: request) {
            let served = start.map { start in few.prefix { $0 <= start } } ?? []
            return Array((few.dropFirst(served.count) + served).prefix(request.limit))
        }
        var lanes = try lanes(of: request, after: start?.bits.bytes ?? [])
        if let start, lanes.count < request.limit { lanes += try self.lanes(of: request, after: []).prefix { $0 <= start } }
        return lanes
    }

    /// The organizations with due work in their order, where so little is due that all of it can be looked at; nil where there is more.
    ///
    /// So that nobody pays for those whose work is due later, of whom there may be any number.
    private func few(of request: ClaimRequest) throws(StoreError) -> [OrganizationID]? {
        let most = 1000
        let many = try first(
            "SELECT due_at FROM outbox WHERE channel = ? AND due_at <= ? ORDER BY due_at LIMIT 1 OFFSET ?", request.channel, request.now,
            most
        ) { row throws(StoreError) in try row.read(Timestamp.self) }
        if many != nil { return nil }
        let organizations = try all(
            """
            SELECT organization_id FROM outbox INDEXED BY outbox_due
            WHERE channel = ? AND due_at <= ? AND lease_token IS NULL AND blocked = 0
            """, request.channel, request.now
        ) { row throws(StoreError) in try row.read(OrganizationID.self) }
        return Set(organizations).subtracting(request.excludedOrganizations).sorted()
    }

    /// One step in the index for each organization that has anything pending, however much it has.
    private func lanes(of request: ClaimRequest, after start: [UInt8]) throws(StoreError) -> [OrganizationID] {
        let lanes = try all(
            """
            WITH RECURSIVE turn (organization_id, due_at) AS (
                SELECT organization_id, due_at FROM outbox WHERE delivery = (
                    SELECT delivery FROM outbox
                    WHERE channel = ?1 AND lease_token IS NULL AND blocked = 0 AND organization_id > ?2
                    ORDER BY organization_id, due_at LIMIT 1)
                UNION ALL
                SELECT next.organization_id, next.due_at FROM turn JOIN outbox next ON next.delivery = (
                    SELECT delivery FROM outbox
                    WHERE channel = ?1 AND lease_token IS NULL AND blocked = 0 AND organization_id > turn.organization_id
                    ORDER BY organization_id, due_at LIMIT 1)
            )
            SELECT organization_id FROM turn WHERE due_at <= ?3 LIMIT ?4
            """, request.channel, start, request.now, request.limit + request.excludedOrganizations.count
        ) { row throws(StoreError) in try row.read(OrganizationID.self) }
        return Array(lanes.filter { !request.excludedOrganizations.contains($0) }.prefix(request.limit))
    }

    /// Leases due rows, the same number of each lane; what one does not use goes to the others. Answers whom the last row went to.
    fileprivate func share(
        _ request: ClaimRequest, among lanes: [OrganizationID], taken: (Int64, LeaseToken) throws(StoreError) -> Void
    ) throws(StoreError) -> OrganizationID? {
        var left = request.limit
        var active = lanes
        var last: OrganizationID?
        while left > 0, !active.isEmpty {
            let share = max(1, left / active.count)
            var more: [OrganizationID] = []
            for lane in active where left > 0 {
                let asked = min(share, left)
                let numbers = try due(in: lane, request, limit: asked)
                for number in numbers {
                    let token = LeaseToken.make()
                    try run(
                        """
                        UPDATE outbox SET lease_token = ?, lease_until = ?, claim_count = claim_count + 1, transmitting = 0 WHERE delivery = ?
                        """, token, request.leaseUntil, number)
                    try taken(number, token)
                }
                left -= numbers.count
                if !numbers.isEmpty { last = lane }
                if numbers.count == asked { more.append(lane) }
            }
            active = more
        }
        return last
    }

    private func due(in lane: OrganizationID, _ request: ClaimRequest, limit: Int) throws(StoreError) -> [Int64] {
        try all(
            """
            SELECT delivery FROM outbox
            WHERE channel = ? AND organization_id = ? AND lease_token IS NULL AND blocked = 0 AND due_at <= ?
            ORDER BY due_at, delivery LIMIT ?
            """, request.channel, lane, request.now, limit
        ) { row throws(StoreError) in try row.read(Int64.self) }
    }

    fileprivate func nextDue(_ channel: ChannelName, after now: Timestamp) throws(StoreError) -> Timestamp? {
        try first(
            """
            SELECT due_at FROM outbox WHERE channel = ? AND due_at > ? AND due_at < ? AND lease_token IS NULL ORDER BY due_at LIMIT 1
            """, channel, now, Timestamp.distantFuture
        ) { row throws(StoreError) in try row.read(Timestamp.self) }
    }

    fileprivate func deliveryID(_ number: Int64) throws(StoreError) -> DeliveryID? {
        try first("SELECT id FROM deliveries WHERE number = ?", number) { row throws(StoreError) in try row.read(DeliveryID.self) }
    }

    fileprivate func marked(_ leases: [LeaseReference], by write: (LeaseReference) throws(StoreError) -> Int) throws(StoreError) -> Set<
        DeliveryID
    > {
        var marked: Set<DeliveryID> = []
        for lease in leases where try write(lease) > 0 { marked.insert(lease.deliveryID) }
        return marked
    }

    fileprivate func release(_ lease: LeaseReference, dueAt: Timestamp?) throws(StoreError) {
        let lane = try first(
            """
            UPDATE outbox
            SET lease_token = NULL, lease_until = NULL, transmitting = 0, claim_count = MAX(claim_count - 1, 0), due_at = COALESCE(?, due_at)
            WHERE delivery = (SELECT number FROM deliveries WHERE id = ?) AND lease_token = ?
            RETURNING organization_id, ordering_key
            """, dueAt, lease.deliveryID, lease.token
        ) { row throws(StoreError) in OrderingLane(organizationID: try row.read(), key: try row.read()) }
        try lane.map { lane throws(StoreError) in try advance(lane) }
    }
}
