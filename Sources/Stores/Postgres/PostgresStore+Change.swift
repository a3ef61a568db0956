import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: DeliveryChanging {
    public func apply(
        _ change: DeliveryChange, to delivery: Delivery, attempts: [Attempt], audit: AuditEntry?
    ) async throws(StoreError) -> ChangeResult {
        // Retention may move a delivery to another day between the two looks; then there is a third.
        for _ in 0..<3 {
            guard let day = try await days(of: [delivery.id])[delivery.id] else { return .notFound }
            let result = try await write("delivery") { pool async throws(PostgresError) in
                try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                    try await Self.apply(change, to: delivery, on: day, attempts: attempts, audit: audit, in: &transaction)
                }
            }
            guard let result else { continue }
            if case .applied(let changed) = result, changed.state == .pending {
                dispatch.note(waiting: [changed.endpoint.channel: changed.dueAt])
            }
            return result
        }
        return .stale
    }

    /// `nil` when the delivery is not on this day any more.
    private static func apply(
        _ change: DeliveryChange, to delivery: Delivery, on day: Day, attempts: [Attempt], audit: AuditEntry?,
        in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> PostgresEnd<ChangeResult?> {
        let lanes = Set([Lane(of: delivery)].compactMap(\.self))
        if !lanes.isEmpty { transaction.later(Lanes.lock(lanes)) }
        let (queued, revision) = try await transaction.run(lockQueued(delivery), lock(delivery, on: day))
        guard let revision else { return .rollBack(nil) }
        guard revision == delivery.revision, queued == nil || queued?.token == nil || queued?.token == delivery.lease?.token else {
            return .rollBack(.stale)
        }
        transaction.later(write(change, to: delivery, on: day), count(delivery, as: change.state))
        if !attempts.isEmpty { transaction.later(append(attempts, to: delivery, on: day)) }
        switch (queued != nil, change.state == .pending) {
        case (true, true): transaction.later(move(delivery, as: change))
        case (true, false): transaction.later(unqueue(delivery))
        case (false, true): transaction.later(enqueue(delivery, on: day, as: change))
        case (false, false): break
        }
        if let identifier = change.providerMessageID, identifier != delivery.providerMessageID {
            transaction.later(name(delivery, on: day, identifier))
        }
        let ending = Dependents.Ending(
            id: delivery.id, organizationID: delivery.organizationID, effect: change.fallback, at: change.updatedAt)
        try await Dependents.follow([ending], lanes: lanes, in: &transaction)
        if let audit { transaction.later(.record(audit)) }
        let changed = try await transaction.run(DeliveryRow.deliveries([delivery.id], on: [day]))
        return .commit(changed.first.map { .applied($0) } ?? .notFound)
    }

    private struct Queued: Sendable {
        let token: LeaseToken?
    }

    private static func lockQueued(_ delivery: Delivery) -> PostgresStatement<Queued?> {
        .row(
            "SELECT lease_token FROM gateway.outbox WHERE delivery_id = $1 AND organization_id = $2 FOR UPDATE", delivery.id,
            delivery.organizationID
        ) { row in Queued(token: try row.next()) }
    }

    private static func lock(_ delivery: Delivery, on day: Day) -> PostgresStatement<Int64?> {
        .row(
            "SELECT revision FROM gateway.deliveries WHERE day = $1 AND id = $2 AND organization_id = $3 FOR UPDATE", day, delivery.id,
            delivery.organizationID
        ) { row in try row.next(Int64.self) }
    }

    private static func write(_ change: DeliveryChange, to delivery: Delivery, on day: Day) -> PostgresStatement<Int> {
        .change(
            """
            UPDATE gateway.deliveries
            SET state = $4, reason = $5, confirmation = $6, flags = $7, attempt_count = $8, recorded_attempts = $9, claim_count = $10,
                due_at = $11, updated_at = $12, settled_at = $13, provider_message_id = $14, error_class = $15, error_code = $16,
                error_message = $17, max_attempts = COALESCE($18, max_attempts), deadline = COALESCE($19, deadline), revision = revision + 1
            WHERE day = $1 AND id = $2 AND organization_id = $3
            """,
            day, delivery.id, delivery.organizationID, change.state, change.reason, change.confirmation, change.flags.rawValue,
            change.attemptCount, change.recordedAttempts, change.claimCount, change.dueAt, change.updatedAt, change.settledAt,
            change.providerMessageID, change.lastError?.errorClass, change.lastError?.code, change.lastError?.message, change.maxAttempts,
            change.deadline)
    }

    private static func count(_ delivery: Delivery, as state: DeliveryState) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.state_changes (organization_id, channel, "trigger", left_state, entered_state, deliveries)
            SELECT $1, $2, $3, $4, $5, 1 WHERE $4 <> $5
            """, delivery.organizationID, delivery.endpoint.channel, delivery.trigger ?? "", delivery.state, state)
    }

    /// A lease goes on under a change; nothing that is leased waits for its time.
    private static func move(_ delivery: Delivery, as change: DeliveryChange) -> PostgresStatement<Int> {
        .change(
            """
            UPDATE gateway.outbox
            SET due_at = $3, claim_count = $4, deadline = COALESCE($5, deadline), ready = $3 <= $6 OR lease_token IS NOT NULL,
                delayed_quote_id = CASE WHEN $7 = 0 THEN delayed_quote_id END
            WHERE delivery_id = $1 AND organization_id = $2
            """, delivery.id, delivery.organizationID, change.dueAt, change.claimCount, change.deadline, change.updatedAt,
            change.recordedAttempts)
    }

    private static func unqueue(_ delivery: Delivery) -> PostgresStatement<Int> {
        .change("DELETE FROM gateway.outbox WHERE delivery_id = $1 AND organization_id = $2", delivery.id, delivery.organizationID)
    }

    private static func enqueue(_ delivery: Delivery, on day: Day, as change: DeliveryChange) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.outbox (
                delivery_id, organization_id, day, channel, due_at, deadline, order_at, accepted_at, ordering_key, fallback_of,
                delayed_quote_id, claim_count, ready, blocked
            )
            SELECT id, organization_id, day, channel, $4, deadline, planned_at, created_at, ordering_key, fallback_of,
                CASE WHEN is_delayed_step AND recorded_attempts = 0 THEN quote_id END, $5, $4 <= $6, ordering_key IS NOT NULL
            FROM gateway.deliveries WHERE day = $1 AND id = $2 AND organization_id = $3
            """, day, delivery.id, delivery.organizationID, change.dueAt, change.claimCount, change.updatedAt)
    }

    private static func append(_ attempts: [Attempt], to delivery: Delivery, on day: Day) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.attempts (
                delivery_id, organization_id, day, number, started_at, ended_at, outcome, counted, error_class, error_code, error_message,
                code, provider_message_id
            )
            SELECT $1, $2, $3, a.* FROM unnest($4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS a
            """,
            delivery.id, delivery.organizationID, day, Column(attempts, \.number), Column(attempts, \.startedAt),
            Column(attempts, \.endedAt), Column(attempts, \.outcome), Column(attempts, \.counted),
            Column(attempts) { $0.failure?.errorClass }, Column(attempts) { $0.failure?.code }, Column(attempts) { $0.failure?.message },
            Column(attempts, \.code), Column(attempts, \.providerMessageID))
    }

    private static func name(_ delivery: Delivery, on day: Day, _ identifier: String) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.provider_ids (delivery_id, organization_id, day, channel, provider_message_id) VALUES ($1, $2, $3, $4, $5)
            """, delivery.id, delivery.organizationID, day, delivery.endpoint.channel, identifier)
    }
}
