import AdapterKit
public import GatewayModel

extension SQLiteStore {
    public func apply(
        _ change: DeliveryChange, to delivery: Delivery, attempts: [Attempt], audit: AuditEntry?
    ) async throws(StoreError) -> ChangeResult {
        try await writer.write { connection throws(StoreError) in
            let found = try connection.first(
                """
                SELECT d.number, d.revision, o.lease_token, o.delivery IS NOT NULL, d.organization_id, d.ordering_key
                FROM deliveries d LEFT JOIN outbox o ON o.delivery = d.number WHERE d.id = ?
                """, delivery.id
            ) { row throws(StoreError) in
                (
                    number: try row.read(Int64.self), revision: try row.read(Int64.self), token: try row.read(LeaseToken?.self),
                    isQueued: try row.read(Bool.self), lane: OrderingLane(organizationID: try row.read(), key: try row.read())
                )
            }
            guard let found else { return .notFound }
            guard found.revision == delivery.revision, found.token == nil || found.token == delivery.lease?.token else { return .stale }
            try connection.write(change, to: found.number)
            for attempt in attempts { try connection.append(attempt, to: found.number) }
            switch (found.isQueued, change.state == .pending) {
            case (true, true):
                try connection.run(
                    "UPDATE outbox SET due_at = ?, claim_count = ?, deadline = COALESCE(?, deadline) WHERE delivery = ?", change.dueAt,
                    change.claimCount, change.deadline, found.number)
            case (true, false): try connection.run("DELETE FROM outbox WHERE delivery = ?", found.number)
            case (false, true): try connection.enqueue(found.number, dueAt: change.dueAt, claimCount: change.claimCount)
            case (false, false): break
            }
            try connection.advance(found.lane)
            try connection.take(change.fallback, of: delivery.id, at: change.updatedAt)
            try connection.record(audit)
            guard let changed = try connection.first(DeliveryRow.byID, delivery.id, read: DeliveryRow.read) else { return .notFound }
            return .applied(changed)
        }
    }
}
