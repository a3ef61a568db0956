public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore {
    public func markTransmitting(_ leases: [LeaseReference], at now: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        leases.isEmpty ? [] : try await change(Self.mark(leases, at: now))
    }

    public func renew(_ leases: [LeaseReference], until: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        leases.isEmpty ? [] : try await change(Self.renew(leases, until: until))
    }

    static func mark(_ leases: [LeaseReference], at now: Timestamp) -> PostgresStatement<[DeliveryID]> { statement(marking, leases, now) }

    static func renew(_ leases: [LeaseReference], until: Timestamp) -> PostgresStatement<[DeliveryID]> {
        statement(renewing, leases, until)
    }

    private static let marking = SQL(shared: changing("SET transmitting = true", where: "AND o.lease_until > $3"))
    private static let renewing = SQL(shared: changing("SET lease_until = $3"))

    /// A change of the rows that are still leased under given tokens; they are locked in one order, so that no two calls wait for each other.
    private static func changing(_ change: String, where condition: String = "") -> String {
        """
        WITH held AS MATERIALIZED (
            SELECT o.delivery_id, o.organization_id
            FROM unnest($1, $2) AS lease (delivery_id, token) JOIN gateway.outbox o
                ON o.delivery_id = lease.delivery_id AND o.lease_token = lease.token \(condition)
            ORDER BY o.delivery_id FOR UPDATE OF o
        )
        UPDATE gateway.outbox o \(change) FROM held
        WHERE o.delivery_id = held.delivery_id AND o.organization_id = held.organization_id RETURNING o.delivery_id
        """
    }

    private static func statement(_ sql: SQL, _ leases: [LeaseReference], _ time: Timestamp) -> PostgresStatement<[DeliveryID]> {
        .rows(sql, Column(leases, \.deliveryID), Column(leases, \.token), time) { row in try row.next() }
    }

    private func change(_ statement: PostgresStatement<[DeliveryID]>) async throws(StoreError) -> Set<DeliveryID> {
        Set(
            try await write(over: workers) { pool async throws(PostgresError) in try await pool.run(statement, retry: .onConflict) })
    }

    public func release(_ leases: [LeaseReference], dueAt: Timestamp?) async throws(StoreError) {
        if leases.isEmpty { return }
        let statement = Self.release(leases, dueAt: dueAt, at: clock.now)
        let released = try await write(over: workers) { pool async throws(PostgresError) in
            try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                let released = try await transaction.run(statement)
                let lanes = Set(released.compactMap(\.lane))
                // Something that goes before may have come while it was on its way.
                if !lanes.isEmpty { transaction.later(Lanes.lock(lanes), Lanes.advance(lanes)) }
                return .commit(released)
            }
        }
        for row in released { dispatch.note(waiting: [row.channel: row.dueAt]) }
    }

    static func release(_ leases: [LeaseReference], dueAt: Timestamp?, at now: Timestamp) -> PostgresStatement<[ReleasedRow]> {
        .rows(releasing, Column(leases, \.deliveryID), Column(leases, \.token), dueAt, now, read: ReleasedRow.read)
    }

    struct ReleasedRow: Sendable {
        let channel: ChannelName
        let dueAt: Timestamp
        let lane: Lane?

        static func read(_ row: inout PostgresRow) throws -> ReleasedRow {
            let channel = try row.next(ChannelName.self)
            let dueAt = try row.next(Timestamp.self)
            let organizationID = try row.next(OrganizationID.self)
            return ReleasedRow(
                channel: channel, dueAt: dueAt, lane: try row.next(String?.self).map { Lane(organizationID: organizationID, key: $0) })
        }
    }

    private static let releasing: SQL = """
        WITH held AS MATERIALIZED (
            SELECT o.delivery_id, o.organization_id
            FROM unnest($1, $2) AS lease (delivery_id, token) JOIN gateway.outbox o
                ON o.delivery_id = lease.delivery_id AND o.lease_token = lease.token
            ORDER BY o.delivery_id FOR UPDATE OF o
        )
        UPDATE gateway.outbox o
        SET lease_token = NULL, lease_until = NULL, transmitting = false, claim_count = greatest(o.claim_count - 1, 0),
            due_at = COALESCE($3, o.due_at), ready = COALESCE($3, o.due_at) <= $4
        FROM held WHERE o.delivery_id = held.delivery_id AND o.organization_id = held.organization_id
        RETURNING o.channel, o.due_at, o.organization_id, o.ordering_key
        """

    public func expiredLeases(at now: Timestamp, limit: Int) async throws(StoreError) -> [ClaimedDelivery] {
        let expired = try await read(
            "lease",
            .rows(
                """
                SELECT delivery_id, day - '1970-01-01' FROM gateway.outbox
                WHERE lease_token IS NOT NULL AND lease_until <= $1 ORDER BY lease_until, delivery_id LIMIT $2
                """, now, limit
            ) { row in (id: try row.next(DeliveryID.self), day: try row.next(Day.self)) })
        if expired.isEmpty { return [] }
        let rows = try await leased(expired.map(\.id), on: Set(expired.map(\.day)))
        dispatch.note(days: Set(expired.map(\.day)), at: now)
        // What cannot be read goes back into the queue, where the next claim hands it out as undecodable.
        try await release(rows.filter { $0.claimed == nil }.map(\.reference), dueAt: nil)
        return rows.compactMap(\.claimed)
    }

    public func nextLeaseEnd() async throws(StoreError) -> Timestamp? {
        try await read(
            "lease",
            .row("SELECT lease_until FROM gateway.outbox WHERE lease_token IS NOT NULL ORDER BY lease_until LIMIT 1") { row in
                try row.next(Timestamp.self)
            })
    }

    public func overdue(at now: Timestamp, limit: Int) async throws(StoreError) -> [Delivery] {
        let overdue = try await read(
            "delivery",
            .rows(
                """
                SELECT delivery_id, day - '1970-01-01' FROM gateway.outbox
                WHERE lease_token IS NULL AND deadline <= $1 ORDER BY deadline, delivery_id LIMIT $2
                """, now, limit
            ) { row in (id: try row.next(DeliveryID.self), day: try row.next(Day.self)) })
        if overdue.isEmpty { return [] }
        let found = try await read(
            "delivery",
            // One that cannot be read is left to the claim, which says so.
            .rows(DeliveryRow.byID, Column(Set(overdue.map(\.day))), Column(overdue.map(\.id))) { row in try? DeliveryRow.read(&row) })
        let byID = Dictionary(found.compactMap { $0.map { ($0.id, $0) } }) { first, _ in first }
        return overdue.compactMap { byID[$0.id] }
    }

    public func nextDeadline() async throws(StoreError) -> Timestamp? {
        let next = try await read(
            "deadline",
            .row(
                """
                SELECT least(
                    (SELECT deadline FROM gateway.outbox WHERE lease_token IS NULL ORDER BY deadline LIMIT 1),
                    (SELECT min(deadline) FROM gateway.outbox WHERE lease_token IS NOT NULL)
                )
                """
            ) { row in try row.next(Timestamp?.self) })
        return next ?? nil
    }
}
