public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: OutboxReading {
    public func delivery(_ id: DeliveryID, organizationID: OrganizationID?) async throws(StoreError) -> Delivery? {
        try await onDay(of: id) { [self] day throws(StoreError) in
            let delivery = try await read("delivery", DeliveryRow.deliveries([id], on: [day])).first
            return organizationID == nil || delivery?.organizationID == organizationID ? delivery : nil
        }
    }

    public func deliveries(_ query: DeliveryQuery) async throws(StoreError) -> Page<Delivery> {
        var filter = PostgresFilter(query)
        if let messageID = query.messageID {
            guard let place = try await place(of: messageID) else { return Page(elements: []) }
            filter.add("d.day = ", place.day)
            filter.add("d.message_id = ", messageID)
            filter.addAny("d.id", place.deliveryIDs)
        }
        return try await page("delivery", filter, newest: "d.created_at", "d.id", day: "d.day", limit: query.limit, after: query.after) {
            $0.statement("SELECT \(DeliveryRow.columns()) FROM \(DeliveryRow.tables)", read: DeliveryRow.read)
        } cursor: { (delivery: Delivery) in
            PageCursor(time: delivery.createdAt, id: delivery.id.bits)
        }
    }

    public func content(of id: DeliveryID) async throws(StoreError) -> RenderedContent? {
        try await onDay(of: id) { [self] day throws(StoreError) in
            try await read(
                "content",
                .row("SELECT bytes FROM gateway.contents WHERE day = $1 AND delivery_id = $2", day, id) { row in
                    RenderedContent(bytes: try row.next())
                })
        }
    }

    public func attempts(of id: DeliveryID) async throws(StoreError) -> [Attempt] {
        try await onDay(of: id) { [self] day throws(StoreError) in
            try await read(
                "attempt",
                .rows(
                    """
                    SELECT number, started_at, ended_at, outcome, counted, error_class, error_code, error_message, code, provider_message_id
                    FROM gateway.attempts WHERE day = $1 AND delivery_id = $2 ORDER BY number
                    """, day, id
                ) { row in
                    Attempt(
                        number: try row.next(), startedAt: try row.next(), endedAt: try row.next(), outcome: try row.next(),
                        counted: try row.next(), failure: try FailureColumns.read(&row), code: try row.next(),
                        providerMessageID: try row.next())
                })
        } ?? []
    }

    public func message(_ id: MessageID, organizationID: OrganizationID) async throws(StoreError) -> [Delivery] {
        guard let place = try await place(of: id) else { return [] }
        let deliveries = try await read(
            "delivery", .rows(DeliveryRow.byMessage, Column([place.day]), Column([id]), read: DeliveryRow.read))
        return deliveries.filter { $0.organizationID == organizationID }
    }
}

// MARK: - Days

extension PostgresStore {
    /// On which days deliveries are kept.
    func days(of ids: [DeliveryID]) async throws(StoreError) -> [DeliveryID: Day] {
        if ids.isEmpty { return [:] }
        let found = try await read(
            "delivery",
            .rows("SELECT delivery_id, day - '1970-01-01' FROM gateway.delivery_days WHERE delivery_id = ANY ($1)", Column(ids)) { row in
                (try row.next(DeliveryID.self), try row.next(Day.self))
            })
        return Dictionary(found) { first, _ in first }
    }

    /// What `body` finds on the day of a delivery. Retention may move it to another day meanwhile: then there is a second look.
    func onDay<Value>(
        of id: DeliveryID, _ body: (Day) async throws(StoreError) -> Value?
    ) async throws(StoreError) -> Value? {
        var last: Day?
        for _ in 0..<2 {
            guard let day = try await days(of: [id])[id], day != last else { return nil }
            if let value = try await body(day) { return value }
            last = day
        }
        return nil
    }

    private struct MessagePlace: Sendable {
        let day: Day
        let deliveryIDs: [DeliveryID]
    }

    /// Where a message is kept. Its id tells when it was made, so that the days from then on are looked through first.
    private func place(of id: MessageID) async throws(StoreError) -> MessagePlace? {
        let made = Day(Timestamp(microseconds: Int64(id.bits.high >> 16) * 1000))
        for (first, last) in [(made.advanced(by: -1), made.advanced(by: 2)), (.first, .last)] as [(Day, Day)] {
            let found = try await read(
                "message",
                .row(
                    "SELECT day - '1970-01-01', delivery_ids FROM gateway.messages WHERE day BETWEEN $1 AND $2 AND id = $3", first, last, id
                ) { row in
                    MessagePlace(day: try row.next(), deliveryIDs: try row.next(Column<DeliveryID>.self).elements)
                })
            if let found { return found }
        }
        return nil
    }
}
