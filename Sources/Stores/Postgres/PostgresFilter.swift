import AdapterKit
import GatewayModel
import PostgresClient

/// Conditions of a list, joined by AND; the text is made of constants only, values are always parameters.
///
/// The statement is put together for the conditions that there are, so that the server plans for these.
struct PostgresFilter: Sendable {
    private var conditions: [String] = []
    private var values: [any StoredValue] = []
    private var tail = ""

    /// Adds a condition that ends with the value's place.
    mutating func add(_ condition: String, _ value: any StoredValue) {
        values.append(value)
        conditions.append("\(condition)$\(values.count)")
    }

    mutating func equal(_ column: String, _ value: (some StoredValue)?) {
        if let value { add("\(column) = ", value) }
    }

    mutating func addAny<Value: StoredValue>(_ column: String, _ elements: [Value]) {
        values.append(Column(elements))
        conditions.append("\(column) = ANY ($\(values.count))")
    }

    mutating func addConstant(_ condition: String) { conditions.append(condition) }

    /// Goes on after the row that `cursor` names, newest first.
    mutating func after(_ cursor: PageCursor?, time: String, id: String) {
        guard let cursor else { return }
        values.append(cursor.time)
        values.append(ID<PageTag>(cursor.id))
        conditions.append("(\(time), \(id)) < ($\(values.count - 1), $\(values.count))")
    }

    mutating func order(newest time: String, _ id: String, limit: Int) {
        values.append(limit)
        tail = "ORDER BY \(time) DESC, \(id) DESC LIMIT $\(values.count)"
    }

    func statement<Element: Sendable>(
        _ select: String, then end: String = "", read: @escaping @Sendable (inout PostgresRow) throws -> Element
    ) -> PostgresStatement<[Element]> {
        let clause = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return .all(SQL(once: "\(select) \(clause) \(tail) \(end)"), values: values.map(\.parameter), read: read)
    }

    private enum PageTag {}
}

extension PostgresFilter {
    init(_ query: DeliveryQuery) {
        self.init()
        equal("d.organization_id", query.organizationID)
        equal("d.api_key_id", query.apiKeyID)
        equal("d.channel", query.channel)
        equal("d.address", query.address)
        equal("d.\"trigger\"", query.trigger)
        equal("d.quote_id", query.quoteID)
        equal("d.lead_id", query.leadID)
        equal("d.event_id", query.eventID)
        equal("d.origin", query.origin)
        equal("d.error_class", query.errorClass)
        if let since = query.since { add("d.created_at >= ", since) }
        if let until = query.until { add("d.created_at < ", until) }
        switch query.status {
        case nil: break
        case .scheduled:
            addConstant("d.state = 'pending'")
            add("o.due_at > ", query.now)
            add("COALESCE(o.lease_until, 0) <= ", query.now)
        case .processing:
            addConstant("d.state = 'pending'")
            add("o.lease_until > ", query.now)
        case .some(let state): add("d.state = ", state.rawValue)
        }
    }
}

extension PostgresStore {
    /// One page of a list that is kept by days, newest first; looks one row further to know whether there is another page.
    ///
    /// A row stands on the day of its time or a later one. So the days are looked through from the latest back, in strides that grow: a page
    /// of what is new touches few partitions, however many there are.
    func page<Element: Sendable>(
        _ kind: String, _ filter: PostgresFilter, newest time: String, _ id: String, day: String, limit: Int, after cursor: PageCursor?,
        _ statement: (PostgresFilter) -> PostgresStatement<[Element]>, cursor place: (Element) -> PageCursor
    ) async throws(StoreError) -> Page<Element> {
        let limit = max(1, limit)
        let start = Day(min(cursor?.time ?? .distantFuture, clock.now))
        var rows: [Element] = []
        var end = cursor
        for days in [2, 16, 128, nil] as [Int32?] {
            var filter = filter
            if let days {
                let first = start.advanced(by: 1 - days)
                filter.add("\(day) >= ", first)
                filter.add("\(time) >= ", first.start)
            }
            filter.after(end, time: time, id: id)
            filter.order(newest: time, id, limit: limit + 1 - rows.count)
            rows += try await read(kind, statement(filter))
            guard rows.count <= limit else {
                rows.removeLast(rows.count - limit)
                return Page(elements: rows, next: rows.last.map(place))
            }
            end = rows.last.map(place) ?? end
        }
        return Page(elements: rows)
    }

    /// One page of a list that is kept in one table.
    func page<Element: Sendable>(
        _ kind: String, _ filter: PostgresFilter, newest time: String, _ id: String, limit: Int, after cursor: PageCursor?,
        _ statement: (PostgresFilter) -> PostgresStatement<[Element]>, cursor place: (Element) -> PageCursor
    ) async throws(StoreError) -> Page<Element> {
        let limit = max(1, limit)
        var filter = filter
        filter.after(cursor, time: time, id: id)
        filter.order(newest: time, id, limit: limit + 1)
        var rows = try await read(kind, statement(filter))
        guard rows.count > limit else { return Page(elements: rows) }
        rows.removeLast(rows.count - limit)
        return Page(elements: rows, next: rows.last.map(place))
    }
}
