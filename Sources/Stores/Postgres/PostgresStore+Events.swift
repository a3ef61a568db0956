public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore {
    public func event(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) -> (StoredEvent, [Decision])? {
        // Retention may move an event to another day between the two looks; then there is a third.
        for _ in 0..<2 {
            guard let day = try await read("event", EventRow.day(of: id, organizationID)) else { return nil }
            let pool = pool
            let (event, decisions) = try await Result(reading: "event") { () throws(PostgresError) in
                try await pool.run(
                    EventRow.event(id, of: organizationID, on: day), DecisionRow.decisions(of: [id], organizationID, on: [day]),
                    isolation: .snapshot)
            }.get()
            if let event { return (event, decisions) }
        }
        return nil
    }

    public func events(_ query: EventQuery) async throws(StoreError) -> Page<(StoredEvent, [Decision])> {
        var filter = PostgresFilter()
        filter.add("organization_id = ", query.organizationID)
        filter.equal("api_key_id", query.apiKeyID)
        filter.equal("quote_id", query.quoteID)
        filter.equal("lead_id", query.leadID)
        filter.equal("\"trigger\"", query.trigger)
        let page = try await page("event", filter, newest: "accepted_at", "id", day: "day", limit: query.limit, after: query.after) {
            $0.statement("SELECT day - '1970-01-01', \(EventRow.columns) FROM gateway.events") { row in
                (day: try row.next(Day.self), event: try EventRow.read(&row))
            }
        } cursor: { (row: (day: Day, event: StoredEvent)) in
            PageCursor(time: row.event.acceptedAt, id: row.event.id.bits)
        }
        if page.elements.isEmpty { return Page(elements: []) }
        let decisions = try await read(
            "decision",
            DecisionRow.decisions(of: page.elements.map(\.event.id), query.organizationID, on: Set(page.elements.map(\.day))))
        let byEvent = Dictionary(grouping: decisions, by: \.eventID)
        return Page(elements: page.elements.map { ($0.event, byEvent[$0.event.id] ?? []) }, next: page.next)
    }

    public func decision(for delivery: DeliveryID) async throws(StoreError) -> Decision? {
        // An event stands on the last day of its deliveries; on another one only where retention has moved one of the two.
        let day = try await days(of: [delivery])[delivery]
        let likely = try await place(of: delivery, from: day, to: day)
        guard let place = if likely == nil { try await place(of: delivery, from: nil, to: nil) } else { likely } else { return nil }
        return try await read("decision", DecisionRow.decisions(of: [place.eventID], place.organizationID, on: [place.day]))
            .first { $0.id == place.id }
    }

    private func place(of delivery: DeliveryID, from first: Day?, to last: Day?) async throws(StoreError) -> DecisionRow.Place? {
        try await read("decision", DecisionRow.place(of: delivery, from: first ?? .first, to: last ?? .last))
    }

    public func unplannedEvents(after last: StoredEvent?, limit: Int) async throws(StoreError) -> [StoredEvent] {
        let waiting = try await read(
            "event",
            .rows(
                """
                SELECT organization_id, event_id, day - '1970-01-01' FROM gateway.unplanned_events
                WHERE (accepted_at, event_id) > ($2, $3) ORDER BY accepted_at, event_id LIMIT $1
                """, limit, last?.acceptedAt ?? Timestamp(microseconds: .min), last?.id ?? EventID(.least)
            ) { row in (organizationID: try row.next(OrganizationID.self), id: try row.next(EventID.self), day: try row.next(Day.self)) })
        if waiting.isEmpty { return [] }
        return try await read(
            "event",
            .rows(
                SQL(
                    once: """
                        SELECT \(EventRow.columns) FROM gateway.events
                        WHERE day = ANY ($1) AND (organization_id, id) IN (SELECT * FROM unnest($2, $3)) AND NOT is_planned
                        ORDER BY accepted_at, id
                        """), Column(Set(waiting.map(\.day))), Column(waiting, \.organizationID), Column(waiting, \.id), read: EventRow.read
            ))
    }

    public func plan(_ retry: PlannedRetry) async throws(StoreError) -> Bool {
        let (partitions, rows) = (partitions, IntakeRows(retry.messages, at: clock.now))
        let isPlanned = try await write("event") { pool async throws(PostgresError) in
            try await partitions.writing(rows.days) { () async throws(PostgresError) in
                try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                    try await Self.plan(retry, rows, in: &transaction)
                }
            }
        }
        if isPlanned { dispatch.note(waiting: rows.waiting) }
        return isPlanned
    }

    private static func plan(
        _ retry: PlannedRetry, _ rows: IntakeRows, in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> PostgresEnd<Bool> {
        let waiting = PostgresStatement<Day?>.row(
            "SELECT day - '1970-01-01' FROM gateway.unplanned_events WHERE organization_id = $1 AND event_id = $2 FOR UPDATE",
            retry.organizationID, retry.eventID
        ) { row in try row.next(Day.self) }
        guard let day = try await transaction.run(waiting) else { return .rollBack(false) }
        let taken = try await take(retry.messages.filter { $0.idempotencyKey != nil }, in: &transaction)
        var statements = DecisionRow.deleteDeferred(of: retry.eventID, retry.organizationID, on: day)
        statements += rows.of(taken.isOwn).lockedStatements()
        statements += DecisionRow.insert(retry.decisions, on: day)
        if retry.isPlanned {
            statements += [
                .change(
                    "DELETE FROM gateway.unplanned_events WHERE organization_id = $1 AND event_id = $2", retry.organizationID, retry.eventID
                ),
                .change(
                    "UPDATE gateway.events SET is_planned = true WHERE day = $1 AND organization_id = $2 AND id = $3", day,
                    retry.organizationID, retry.eventID),
            ]
        }
        for statement in statements { transaction.later(statement) }
        return .commit(true)
    }
}
