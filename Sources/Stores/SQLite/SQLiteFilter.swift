import AdapterKit
import GatewayModel

/// Conditions of a list, joined by AND; the text is made of constants only, values are always bound.
struct SQLiteFilter {
    private var conditions: [String] = []
    private(set) var values: [any SQLiteValue] = []

    mutating func add(_ condition: String, _ values: any SQLiteValue...) {
        conditions.append(condition)
        self.values += values
    }

    mutating func equal(_ column: String, _ value: (some SQLiteValue)?) {
        if let value { add("\(column) = ?", value) }
    }

    /// Goes on after the row that `cursor` names, newest first.
    mutating func after(_ cursor: PageCursor?, time: String, id: String) {
        if let cursor { add("(\(time), \(id)) < (?, ?)", cursor.time, ID<PageTag>(cursor.id)) }
    }

    var clause: String { conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ") }

    private enum PageTag {}
}

extension SQLiteConnection {
    /// One page of `select`, newest first by `time` and `id`; looks one row further to know whether there is another page.
    func page<Element: Sendable>(
        _ select: String, _ filter: SQLiteFilter, newest time: String, _ id: String, limit: Int,
        read: (inout SQLiteRow) throws(StoreError) -> Element, cursor: (Element) -> PageCursor
    ) throws(StoreError) -> Page<Element> {
        let limit = max(1, limit)
        let text = "\(select) \(filter.clause) ORDER BY \(time) DESC, \(id) DESC LIMIT ?"
        var rows = try all(SQL(once: text), values: filter.values + [limit + 1], read: read)
        guard rows.count > limit else { return Page(elements: rows) }
        rows.removeLast(rows.count - limit)
        return Page(elements: rows, next: rows.last.map(cursor))
    }
}
