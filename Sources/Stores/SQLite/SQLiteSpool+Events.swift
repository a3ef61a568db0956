public import AdapterKit
public import GatewayModel

extension SQLiteSpool {
    public func spooledEvents(limit: Int) async throws(StoreError) -> [SpooledEvent] {
        try await base.readers.read { connection throws(StoreError) in
            let places = try connection.all("SELECT organization_id, id FROM events ORDER BY rowid LIMIT ?", limit) {
                row throws(StoreError) in
                (organization: try row.read(OrganizationID.self), id: try row.read(EventID.self))
            }
            var found: [SpooledEvent] = []
            for place in places {
                guard let (event, decisions) = try connection.event(place.id, of: place.organization) else { continue }
                var quote: Quote?
                if let id = event.quoteID { quote = try connection.quote(id, of: event.organizationID) }
                found.append(SpooledEvent(event: event, decisions: decisions, quote: quote))
            }
            return found
        }
    }

    public func spooledCount() async throws(StoreError) -> Int {
        try await base.readers.read { connection throws(StoreError) in
            try connection.first("SELECT count(*) FROM events") { row throws(StoreError) in try row.read(Int.self) } ?? 0
        }
    }

    public func holds(_ quote: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> Bool {
        try await base.readers.read { connection throws(StoreError) in try connection.holds(quote, of: organizationID) }
    }

    public func freeze(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) -> FrozenEvent? {
        try await base.writer.write { connection throws(StoreError) in
            let deliveries = try connection.deliveries(of: id, organizationID)
            if deliveries.contains(where: { $0.delivery.lease != nil }) { return nil }
            for one in deliveries {
                // How often it was claimed and when it is due stands in the queue; it goes along.
                try connection.run(
                    "UPDATE deliveries SET due_at = ?, claim_count = ? WHERE id = ?", one.delivery.dueAt, one.delivery.claimCount,
                    one.delivery.id)
                try connection.run(
                    "DELETE FROM outbox WHERE delivery = (SELECT number FROM deliveries WHERE id = ?)", one.delivery.id)
            }
            let isFirst = try connection.run("INSERT OR IGNORE INTO frozen_events VALUES (?, ?)", organizationID, id) > 0
            return FrozenEvent(deliveries: deliveries, isFirst: isFirst)
        }
    }

    public func thaw(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) {
        try await base.writer.write { connection throws(StoreError) in
            guard try connection.run("DELETE FROM frozen_events WHERE organization_id = ? AND event_id = ?", organizationID, id) > 0 else {
                return
            }
            let pending = try connection.all(
                """
                SELECT number, due_at, claim_count FROM deliveries
                WHERE organization_id = ? AND event_id = ? AND state = 'pending' AND number NOT IN (SELECT delivery FROM outbox)
                """, organizationID, id
            ) { row throws(StoreError) in
                (number: try row.read(Int64.self), dueAt: try row.read(Timestamp.self), claims: try row.read(Int.self))
            }
            for one in pending { try connection.enqueue(one.number, dueAt: one.dueAt, claimCount: one.claims) }
        }
    }

    public func remove(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) {
        try await base.writer.write { connection throws(StoreError) in
            let event = try connection.event(id, of: organizationID)?.0
            let deliveries = try connection.deliveries(of: id, organizationID)
            for one in deliveries {
                try connection.run("DELETE FROM deliveries WHERE id = ?", one.delivery.id)
                try connection.run("UPDATE accounting SET accepted = accepted - 1 WHERE organization_id = ?", organizationID)
            }
            for message in Set(deliveries.map(\.delivery.messageID)) { try connection.run("DELETE FROM messages WHERE id = ?", message) }
            try connection.run("DELETE FROM frozen_events WHERE organization_id = ? AND event_id = ?", organizationID, id)
            try connection.run("DELETE FROM events WHERE organization_id = ? AND id = ?", organizationID, id)
            guard let quote = event?.quoteID, try !connection.holds(quote, of: organizationID) else { return }
            // What is known of a quote helps those of its events that wait here, and nobody else.
            try connection.run("DELETE FROM activities WHERE organization_id = ? AND quote_id = ?", organizationID, quote)
            try connection.run("DELETE FROM quote_files WHERE organization_id = ? AND quote_id = ?", organizationID, quote)
            try connection.run("DELETE FROM quotes WHERE organization_id = ? AND id = ?", organizationID, quote)
        }
    }
}

extension SQLiteConnection {
    fileprivate func holds(_ quote: QuoteID, of organizationID: OrganizationID) throws(StoreError) -> Bool {
        try first("SELECT 1 FROM events WHERE organization_id = ? AND quote_id = ? LIMIT 1", organizationID, quote) {
            row throws(StoreError) in
            try row.read(Int.self)
        } != nil
    }

    fileprivate func deliveries(of event: EventID, _ organizationID: OrganizationID) throws(StoreError) -> [SpooledDelivery] {
        let ids = try all(
            "SELECT id FROM deliveries WHERE event_id = ? AND organization_id = ? ORDER BY number", event, organizationID
        ) { row throws(StoreError) in try row.read(DeliveryID.self) }
        var found: [SpooledDelivery] = []
        for id in ids {
            guard let delivery = try first(DeliveryRow.byID, id, read: DeliveryRow.read),
                let content = try first(
                    "SELECT bytes FROM contents WHERE delivery = (SELECT number FROM deliveries WHERE id = ?)", id,
                    read: { row throws(StoreError) in RenderedContent(bytes: try row.read()) })
            else { throw .corrupt(what: "delivery") }
            found.append(SpooledDelivery(delivery: delivery, content: content, attempts: try attempts(of: id)))
        }
        return found
    }
}
