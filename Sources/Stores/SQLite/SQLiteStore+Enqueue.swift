import AdapterKit
public import GatewayModel

extension SQLiteStore: OutboxWriting {
    public func accept(_ messages: [NewMessage]) async throws(StoreError) -> [MessageAcceptance] {
        let weight = messages.reduce(0) { $0 + $1.deliveries.reduce(512) { $0 + 1024 + $1.content.bytes.count } }
        return try await writer.write(weight: weight) { connection throws(StoreError) in
            var results: [MessageAcceptance] = []
            results.reserveCapacity(messages.count)
            for message in messages { results.append(try connection.accept(message)) }
            return results
        }
    }
}

extension SQLiteConnection {
    func accept(_ message: NewMessage) throws(StoreError) -> MessageAcceptance {
        if let key = message.idempotencyKey {
            let earlier = try first(
                "SELECT id, body_hash FROM messages WHERE organization_id = ? AND idempotency_key = ?", message.organizationID, key
            ) { row throws(StoreError) in (try row.read(MessageID.self), try row.read([UInt8].self)) }
            if let (id, hash) = earlier {
                guard hash == message.bodyHash else { return .conflict }
                return .duplicate(id, try all(DeliveryRow.byMessage, id, read: DeliveryRow.read))
            }
        }
        try run(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", message.id, message.organizationID, message.idempotencyKey,
            message.bodyHash, message.category, message.apiKeyID, message.metadata, message.createdAt)
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(message.deliveries.count)
        for new in message.deliveries {
            let delivery = Delivery(new, of: message)
            try insert(delivery, content: new.content)
            deliveries.append(delivery)
        }
        try run(
            """
            INSERT INTO accounting VALUES (?, ?)
            ON CONFLICT (organization_id) DO UPDATE SET accepted = accepted + excluded.accepted
            """, message.organizationID, deliveries.count)
        return .created(deliveries)
    }

    private func insert(_ delivery: Delivery, content: RenderedContent) throws(StoreError) {
        try run(
            """
            INSERT INTO deliveries (
                id, message_id, organization_id, channel, address, origin, audience, "trigger", event_id, quote_id, lead_id, step_id,
                category, api_key_id, ordering_key, fallback_of, is_delayed_step, max_attempts, deadline, expires_at, planned_at, created_at,
                state, reason, due_at, updated_at, settled_at
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            delivery.id, delivery.messageID, delivery.organizationID, delivery.endpoint.channel, delivery.endpoint.address, delivery.origin,
            delivery.audience, delivery.trigger, delivery.eventID, delivery.quoteID, delivery.leadID, delivery.stepID, delivery.category,
            delivery.apiKeyID, delivery.orderingKey, delivery.fallbackOf, delivery.isDelayedStep, delivery.maxAttempts, delivery.deadline,
            delivery.expiresAt, delivery.dueAt, delivery.createdAt, delivery.state, delivery.reason, delivery.dueAt, delivery.updatedAt,
            delivery.settledAt)
        let number = lastInsertedNumber
        try run("INSERT INTO contents VALUES (?, ?)", number, content.bytes)
        if delivery.state == .pending { try enqueue(number, dueAt: delivery.dueAt, claimCount: 0) }
    }

    /// Puts a pending delivery into the queue.
    func enqueue(_ number: Int64, dueAt: Timestamp, claimCount: Int) throws(StoreError) {
        let lane = try first(
            """
            INSERT INTO outbox (delivery, channel, organization_id, due_at, deadline, ordering_key, order_at, accepted_at, blocked, claim_count)
            SELECT number, channel, organization_id, ?, deadline, ordering_key, planned_at, created_at, ordering_key IS NOT NULL, ?
            FROM deliveries WHERE number = ?
            RETURNING organization_id, ordering_key
            """, dueAt, claimCount, number
        ) { row throws(StoreError) in OrderingLane(organizationID: try row.read(), key: try row.read()) }
        try lane.map { lane throws(StoreError) in try advance(lane) }
    }

    /// Lets the head of an ordering key through, and nothing else, unless something of that key is on its way.
    func advance(_ lane: OrderingLane) throws(StoreError) {
        guard let key = lane.key else { return }
        let open = try first(
            "SELECT delivery, lease_token IS NOT NULL FROM outbox WHERE organization_id = ? AND ordering_key = ? AND blocked = 0",
            lane.organizationID, key
        ) { row throws(StoreError) in (number: try row.read(Int64.self), isLeased: try row.read(Bool.self)) }
        if let open, open.isLeased { return }
        let head = try first(
            """
            SELECT delivery FROM outbox WHERE organization_id = ? AND ordering_key = ? ORDER BY order_at, accepted_at, delivery LIMIT 1
            """, lane.organizationID, key
        ) { row throws(StoreError) in try row.read(Int64.self) }
        guard let head, head != open?.number else { return }
        if let open { try run("UPDATE outbox SET blocked = 1 WHERE delivery = ?", open.number) }
        try run("UPDATE outbox SET blocked = 0 WHERE delivery = ?", head)
    }
}

/// Deliveries that go out one after the other; without a key there is no such order.
struct OrderingLane {
    var organizationID: OrganizationID
    var key: String?
}
