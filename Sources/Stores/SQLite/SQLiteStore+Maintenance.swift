public import AdapterKit
public import GatewayModel

extension SQLiteStore: StoreMaintaining {
    public func purge(settledBefore: Timestamp, eventsBefore: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await writer.write(weight: limit * 512) { connection throws(StoreError) in
            try connection.purgeDeliveries(settledBefore: settledBefore, limit: limit)
                + connection.purgeReports(receivedBefore: settledBefore, limit: limit)
                + connection.purgeEvents(acceptedBefore: eventsBefore, limit: limit)
        }
    }

    public func checkWritable() async throws(StoreError) {
        _ = try await writer.write { connection throws(StoreError) in
            try connection.run("UPDATE write_checks SET count = count + 1 WHERE id = 1")
        }
    }

    public var statistics: StoreStatistics {
        StoreStatistics(statements: writer.statements + readers.statements, transactions: writer.transactions)
    }

    public func migrations() async throws(StoreError) -> [MigrationStatus] {
        try await readers.read { connection throws(StoreError) in try SQLiteMigrator().status(connection) }
    }
}

extension SQLiteConnection {
    /// A message goes as a whole: none of its deliveries is taken while another is open or was settled later.
    fileprivate func purgeDeliveries(settledBefore: Timestamp, limit: Int) throws(StoreError) -> Int {
        let old = try all(
            """
            SELECT d.number, d.id, d.message_id, d.organization_id FROM deliveries d
            WHERE d.settled_at < ? AND d.state <> 'pending' AND NOT EXISTS (
                SELECT 1 FROM deliveries s
                WHERE s.message_id = d.message_id AND (s.state = 'pending' OR s.settled_at IS NULL OR s.settled_at >= ?)
            )
            ORDER BY d.settled_at LIMIT ?
            """, settledBefore, settledBefore, limit
        ) { row throws(StoreError) in
            (
                number: try row.read(Int64.self), id: try row.read(DeliveryID.self), message: try row.read(MessageID.self),
                organization: try row.read(OrganizationID.self)
            )
        }
        for one in old {
            try run("DELETE FROM reports WHERE delivery_id = ?", one.id)
            try run("DELETE FROM deliveries WHERE number = ?", one.number)
            try run("UPDATE accounting SET accepted = accepted - 1 WHERE organization_id = ?", one.organization)
        }
        for message in Set(old.map(\.message)) {
            try run("DELETE FROM messages WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message_id = ?1)", message)
        }
        return old.count
    }

    /// Reports that never found their delivery.
    fileprivate func purgeReports(receivedBefore: Timestamp, limit: Int) throws(StoreError) -> Int {
        try run(
            """
            DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE delivery_id IS NULL AND received_at < ? ORDER BY received_at LIMIT ?)
            """, receivedBefore, limit)
    }

    fileprivate func purgeEvents(acceptedBefore: Timestamp, limit: Int) throws(StoreError) -> Int {
        let old = try all(
            """
            SELECT e.organization_id, e.id FROM events e
            WHERE e.accepted_at < ? AND e.is_planned = 1
                AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.organization_id = e.organization_id AND d.state = 'pending')
            ORDER BY e.accepted_at LIMIT ?
            """, acceptedBefore, limit
        ) { row throws(StoreError) in (organization: try row.read(OrganizationID.self), id: try row.read(EventID.self)) }
        for event in old { try run("DELETE FROM events WHERE organization_id = ? AND id = ?", event.organization, event.id) }
        return old.count
    }
}
