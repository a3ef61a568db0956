public import AdapterKit
public import GatewayModel

extension SQLiteStore {
    public func event(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) -> (StoredEvent, [Decision])? {
        try await readers.read { connection throws(StoreError) in try connection.event(id, of: organizationID) }
    }

    public func events(_ query: EventQuery) async throws(StoreError) -> Page<(StoredEvent, [Decision])> {
        try await readers.read { connection throws(StoreError) in
            var filter = SQLiteFilter()
            filter.add("organization_id = ?", query.organizationID)
            filter.equal("api_key_id", query.apiKeyID)
            filter.equal("quote_id", query.quoteID)
            filter.equal("lead_id", query.leadID)
            filter.equal("\"trigger\"", query.trigger)
            filter.after(query.after, time: "accepted_at", id: "id")
            let page = try connection.page(
                "SELECT \(EventRow.columns) FROM events", filter, newest: "accepted_at", "id", limit: query.limit, read: EventRow.read
            ) { PageCursor(time: $0.acceptedAt, id: $0.id.bits) }
            var rows: [(StoredEvent, [Decision])] = []
            for event in page.elements { rows.append((event, try connection.decisions(of: event.id, event.organizationID))) }
            return Page(elements: rows, next: page.next)
        }
    }

    public func decision(for delivery: DeliveryID) async throws(StoreError) -> Decision? {
        try await readers.read { connection throws(StoreError) in
            try connection.all(DecisionRow.ofDelivery, delivery, read: DecisionRow.read).first.map { row throws(StoreError) in
                try connection.withDeliveries(row)
            }
        }
    }

    public func unplannedEvents(after last: StoredEvent?, limit: Int) async throws(StoreError) -> [StoredEvent] {
        try await readers.read { connection throws(StoreError) in
            guard let last else { return try connection.all(EventRow.unplanned, limit, read: EventRow.read) }
            return try connection.all(EventRow.unplannedAfter, last.acceptedAt, last.id, limit, read: EventRow.read)
        }
    }

    public func plan(_ retry: PlannedRetry) async throws(StoreError) -> Bool {
        let weight = retry.messages.reduce(4096) { $0 + $1.deliveries.reduce(512) { $0 + 1024 + $1.content.bytes.count } }
        return try await writer.write(weight: weight) { connection throws(StoreError) in
            let changed = try connection.run(
                "UPDATE events SET is_planned = ? WHERE organization_id = ? AND id = ? AND is_planned = 0", retry.isPlanned,
                retry.organizationID, retry.eventID)
            guard changed > 0 else { return false }
            try connection.run(
                "DELETE FROM decisions WHERE organization_id = ? AND event_id = ? AND outcome = 'deferred'", retry.organizationID,
                retry.eventID)
            for message in retry.messages { _ = try connection.accept(message) }
            for decision in retry.decisions { try connection.insert(decision) }
            return true
        }
    }
}

extension SQLiteConnection {
    func event(_ id: EventID, of organizationID: OrganizationID) throws(StoreError) -> (StoredEvent, [Decision])? {
        guard let event = try first(EventRow.byID, organizationID, id, read: EventRow.read) else { return nil }
        return (event, try decisions(of: id, organizationID))
    }

    func decisions(of event: EventID, _ organizationID: OrganizationID) throws(StoreError) -> [Decision] {
        var decisions: [Decision] = []
        for row in try all(DecisionRow.ofEvent, organizationID, event, read: DecisionRow.read) { decisions.append(try withDeliveries(row)) }
        return decisions
    }

    fileprivate func withDeliveries(_ row: (number: Int64, decision: Decision)) throws(StoreError) -> Decision {
        var decision = row.decision
        decision.deliveryIDs = try all("SELECT delivery_id FROM decision_deliveries WHERE decision = ? ORDER BY position", row.number) {
            row throws(StoreError) in try row.read(DeliveryID.self)
        }
        return decision
    }

    func insert(_ event: StoredEvent) throws(StoreError) {
        try run(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", event.organizationID, event.id, event.trigger, event.quoteID,
            event.leadID, event.payload, event.bodyHash, event.apiKeyID, event.acceptedAt, event.isPlanned)
    }

    func insert(_ decision: Decision) throws(StoreError) {
        try run(
            """
            INSERT INTO decisions (
                id, event_id, organization_id, "trigger", channel, audience, outcome, reason, workflow_id, workflow_key, workflow_version,
                step_id, resolution_source, matched_rule_id, inputs, created_at
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            decision.id, decision.eventID, decision.organizationID, decision.trigger, decision.channel, decision.audience, decision.outcome,
            decision.reason, decision.workflowID, decision.workflowKey, decision.workflowVersion, decision.stepID,
            decision.resolutionSource,
            decision.matchedRuleID, decision.inputs, decision.createdAt)
        let number = lastInsertedNumber
        for (position, id) in decision.deliveryIDs.enumerated() {
            try run("INSERT INTO decision_deliveries VALUES (?, ?, ?)", number, position, id)
        }
    }
}

/// How an event stands in its table.
private enum EventRow {
    static let columns = """
        id, organization_id, "trigger", quote_id, lead_id, payload, body_hash, api_key_id, accepted_at, is_planned
        """
    static let byID = SQL(shared: "SELECT \(columns) FROM events WHERE organization_id = ? AND id = ?")
    static let unplanned = SQL(shared: "SELECT \(columns) FROM events WHERE is_planned = 0 ORDER BY accepted_at, id LIMIT ?")
    static let unplannedAfter = SQL(
        shared: "SELECT \(columns) FROM events WHERE is_planned = 0 AND (accepted_at, id) > (?, ?) ORDER BY accepted_at, id LIMIT ?")

    static func read(_ row: inout SQLiteRow) throws(StoreError) -> StoredEvent {
        row.kind = "event"
        return StoredEvent(
            id: try row.read(), organizationID: try row.read(), trigger: try row.read(), quoteID: try row.read(), leadID: try row.read(),
            payload: try row.read(), bodyHash: try row.read(), apiKeyID: try row.read(), acceptedAt: try row.read(),
            isPlanned: try row.read())
    }
}

/// How a decision stands in its table; its deliveries stand beside it.
private enum DecisionRow {
    static let columns = """
        number, id, event_id, organization_id, "trigger", channel, audience, outcome, reason, workflow_id, workflow_key, workflow_version,
        step_id, resolution_source, matched_rule_id, inputs, created_at
        """
    static let ofEvent = SQL(shared: "SELECT \(columns) FROM decisions WHERE organization_id = ? AND event_id = ? ORDER BY number")
    static let ofDelivery = SQL(
        shared: "SELECT \(columns) FROM decisions WHERE number IN (SELECT decision FROM decision_deliveries WHERE delivery_id = ?)")

    static func read(_ row: inout SQLiteRow) throws(StoreError) -> (number: Int64, decision: Decision) {
        row.kind = "decision"
        let number = try row.read(Int64.self)
        let decision = Decision(
            id: try row.read(), eventID: try row.read(), organizationID: try row.read(), trigger: try row.read(), channel: try row.read(),
            audience: try row.read(), outcome: try row.read(), reason: try row.read(), workflowID: try row.read(),
            workflowKey: try row.read(), workflowVersion: try row.read(), stepID: try row.read(), resolutionSource: try row.read(),
            matchedRuleID: try row.read(), inputs: try row.read(), createdAt: try row.read())
        return (number, decision)
    }
}
