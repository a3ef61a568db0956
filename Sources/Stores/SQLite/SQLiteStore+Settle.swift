public import AdapterKit
public import GatewayModel

extension SQLiteStore {
    public func settle(_ settlements: [Settlement]) async throws(StoreError) -> Set<DeliveryID> {
        try await writer.write(weight: settlements.count * 512) { connection throws(StoreError) in
            var settled: Set<DeliveryID> = []
            for settlement in settlements { settled.formUnion(try connection.settle(settlement)) }
            return settled
        }
    }
}

extension SQLiteConnection {
    /// The delivery and what changed with it; nothing when its lease was lost.
    fileprivate func settle(_ settlement: Settlement) throws(StoreError) -> [DeliveryID] {
        let held = try first(
            """
            SELECT o.delivery, o.organization_id, o.ordering_key FROM deliveries d JOIN outbox o ON o.delivery = d.number
            WHERE d.id = ? AND o.lease_token = ?
            """, settlement.deliveryID, settlement.token
        ) { row throws(StoreError) in
            (number: try row.read(Int64.self), lane: OrderingLane(organizationID: try row.read(), key: try row.read()))
        }
        guard let held else { return [] }
        try write(settlement.change, to: held.number)
        if settlement.change.state == .pending {
            try run(
                """
                UPDATE outbox
                SET lease_token = NULL, lease_until = NULL, transmitting = 0, due_at = ?, claim_count = ?, deadline = COALESCE(?, deadline)
                WHERE delivery = ?
                """, settlement.change.dueAt, settlement.change.claimCount, settlement.change.deadline, held.number)
        } else {
            try run("DELETE FROM outbox WHERE delivery = ?", held.number)
        }
        if let attempt = settlement.attempt { try append(attempt, to: held.number) }
        try advance(held.lane)
        return [settlement.deliveryID]
            + (try take(settlement.change.fallback, of: settlement.deliveryID, at: settlement.change.updatedAt))
    }

    /// Writes what a change says into the delivery's own row; its place in the queue is the caller's to see to.
    func write(_ change: DeliveryChange, to number: Int64) throws(StoreError) {
        try run(
            """
            UPDATE deliveries
            SET state = ?, reason = ?, confirmation = ?, flags = ?, attempt_count = ?, recorded_attempts = ?, claim_count = ?, due_at = ?,
                updated_at = ?, settled_at = ?, provider_message_id = ?, error_class = ?, error_code = ?, error_message = ?,
                max_attempts = COALESCE(?, max_attempts), deadline = COALESCE(?, deadline), revision = revision + 1
            WHERE number = ?
            """,
            change.state, change.reason, change.confirmation, change.flags.rawValue, change.attemptCount, change.recordedAttempts,
            change.claimCount, change.dueAt, change.updatedAt, change.settledAt, change.providerMessageID, change.lastError?.errorClass,
            change.lastError?.code, change.lastError?.message, change.maxAttempts, change.deadline, number)
    }

    func append(_ attempt: Attempt, to number: Int64) throws(StoreError) {
        try run(
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", number, attempt.number, attempt.startedAt, attempt.endedAt,
            attempt.outcome, attempt.counted, attempt.failure?.errorClass, attempt.failure?.code, attempt.failure?.message, attempt.code,
            attempt.providerMessageID)
    }

    /// Does to the deliveries that stand by for `id` what its end means for them, and answers which changed.
    @discardableResult
    func take(_ effect: FallbackEffect, of id: DeliveryID, at now: Timestamp) throws(StoreError) -> [DeliveryID] {
        guard effect != .none else { return [] }
        let waiting = try all(
            """
            SELECT d.number, d.id, o.due_at FROM deliveries d JOIN outbox o ON o.delivery = d.number
            WHERE d.fallback_of = ? AND o.lease_token IS NULL
            """, id
        ) { row throws(StoreError) in
            (number: try row.read(Int64.self), id: try row.read(DeliveryID.self), dueAt: try row.read(Timestamp.self))
        }
        var changed: [DeliveryID] = []
        for one in waiting {
            switch effect {
            case .none: break
            case .activate where one.dueAt <= now: break
            case .activate:
                try activate(one.number, at: now)
                changed.append(one.id)
            case .cancel: changed += try cancelSuperseded(one.number, id: one.id, at: now)
            }
        }
        return changed
    }

    private func activate(_ number: Int64, at now: Timestamp) throws(StoreError) {
        try run(
            "UPDATE deliveries SET due_at = ?, planned_at = ?, updated_at = ?, revision = revision + 1 WHERE number = ?", now, now, now,
            number)
        let lane = try first(
            "UPDATE outbox SET due_at = ?, order_at = ? WHERE delivery = ? RETURNING organization_id, ordering_key", now, now, number
        ) { row throws(StoreError) in OrderingLane(organizationID: try row.read(), key: try row.read()) }
        try lane.map { lane throws(StoreError) in try advance(lane) }
    }

    /// Cancels a pending delivery that is not needed any more, and what stands by for it; answers all of them.
    @discardableResult
    func cancelSuperseded(_ number: Int64, id: DeliveryID, at now: Timestamp) throws(StoreError) -> [DeliveryID] {
        try run(
            """
            UPDATE deliveries
            SET state = 'cancelled', reason = 'superseded', updated_at = ?, settled_at = ?, revision = revision + 1,
                claim_count = (SELECT claim_count FROM outbox WHERE delivery = number)
            WHERE number = ?
            """, now, now, number)
        let lane = try first("DELETE FROM outbox WHERE delivery = ? RETURNING organization_id, ordering_key", number) {
            row throws(StoreError) in OrderingLane(organizationID: try row.read(), key: try row.read())
        }
        try lane.map { lane throws(StoreError) in try advance(lane) }
        return [id] + (try take(.cancel, of: id, at: now))
    }
}
