public import AdapterKit
public import GatewayModel

extension SQLiteStore: OutboxReading {
    public func delivery(_ id: DeliveryID, organizationID: OrganizationID?) async throws(StoreError) -> Delivery? {
        try await readers.read { connection throws(StoreError) in
            let delivery = try connection.first(DeliveryRow.byID, id, read: DeliveryRow.read)
            return organizationID == nil || delivery?.organizationID == organizationID ? delivery : nil
        }
    }

    public func deliveries(_ query: DeliveryQuery) async throws(StoreError) -> Page<Delivery> {
        try await readers.read { connection throws(StoreError) in
            try connection.page(
                "SELECT \(DeliveryRow.columns) FROM \(DeliveryRow.tables)", SQLiteFilter(query), newest: "d.created_at", "d.id",
                limit: query.limit, read: DeliveryRow.read
            ) { PageCursor(time: $0.createdAt, id: $0.id.bits) }
        }
    }

    public func content(of id: DeliveryID) async throws(StoreError) -> RenderedContent? {
        try await readers.read { connection throws(StoreError) in
            try connection.first("SELECT bytes FROM contents WHERE delivery = (SELECT number FROM deliveries WHERE id = ?)", id) {
                row throws(StoreError) in RenderedContent(bytes: try row.read())
            }
        }
    }

    public func attempts(of id: DeliveryID) async throws(StoreError) -> [Attempt] {
        try await readers.read { connection throws(StoreError) in try connection.attempts(of: id) }
    }

    public func message(_ id: MessageID, organizationID: OrganizationID) async throws(StoreError) -> [Delivery] {
        try await readers.read { connection throws(StoreError) in
            try connection.all(DeliveryRow.byMessage, id, read: DeliveryRow.read).filter { $0.organizationID == organizationID }
        }
    }

    public func counts(at now: Timestamp, organizationID: OrganizationID?) async throws(StoreError) -> OutboxCounts {
        try await readers.read { connection throws(StoreError) in try connection.counts(at: now, organizationID) }
    }
}

extension SQLiteConnection {
    func attempts(of id: DeliveryID) throws(StoreError) -> [Attempt] {
        try all(
            """
            SELECT number, started_at, ended_at, outcome, counted, error_class, error_code, error_message, code, provider_message_id
            FROM attempts WHERE delivery = (SELECT number FROM deliveries WHERE id = ?) ORDER BY number
            """, id
        ) { row throws(StoreError) in
            row.kind = "attempt"
            return Attempt(
                number: try row.read(), startedAt: try row.read(), endedAt: try row.read(), outcome: try row.read(),
                counted: try row.read(), failure: try FailureColumns.read(&row), code: try row.read(), providerMessageID: try row.read())
        }
    }
}

extension SQLiteFilter {
    fileprivate init(_ query: DeliveryQuery) {
        self.init()
        equal("d.organization_id", query.organizationID)
        equal("d.api_key_id", query.apiKeyID)
        equal("d.channel", query.channel)
        equal("d.address", query.address)
        equal("d.\"trigger\"", query.trigger)
        equal("d.quote_id", query.quoteID)
        equal("d.lead_id", query.leadID)
        equal("d.event_id", query.eventID)
        equal("d.message_id", query.messageID)
        equal("d.origin", query.origin)
        equal("d.error_class", query.errorClass)
        if let since = query.since { add("d.created_at >= ?", since) }
        if let until = query.until { add("d.created_at < ?", until) }
        switch query.status {
        case nil: break
        case .scheduled: add("d.state = 'pending' AND o.due_at > ? AND (o.lease_until IS NULL OR o.lease_until <= ?)", query.now, query.now)
        case .processing: add("d.state = 'pending' AND o.lease_until > ?", query.now)
        case .some(let state): add("d.state = ?", state.rawValue)
        }
        after(query.after, time: "d.created_at", id: "d.id")
    }
}

extension SQLiteConnection {
    fileprivate func counts(at now: Timestamp, _ organizationID: OrganizationID?) throws(StoreError) -> OutboxCounts {
        var counts = OutboxCounts(accepted: try accepted(organizationID))
        try each(
            """
            SELECT channel, "trigger", state, COUNT(*) FROM deliveries \(Self.of(organizationID)) GROUP BY channel, "trigger", state
            """, organizationID
        ) { row throws(StoreError) in
            let channel = try row.read(ChannelName.self)
            let trigger = try row.read(String?.self)
            let state = try row.read(DeliveryState.self)
            let count = try row.read(Int.self)
            counts.states[channel, default: [:]][state, default: 0] += count
            if let trigger { counts.triggers[trigger, default: [:]][state, default: 0] += count }
        }
        // Nearly nothing is leased ahead of its time, so that counting all and taking those off is cheaper than looking at each row.
        try each("SELECT channel, COUNT(*) FROM outbox \(Self.of(organizationID, "due_at > ?")) GROUP BY channel", organizationID, now) {
            row throws(StoreError) in counts.scheduled[try row.read()] = try row.read()
        }
        try each(
            """
            SELECT channel, SUM(lease_until > ?), SUM(due_at > ?) FROM outbox
            \(Self.of(organizationID, "lease_token IS NOT NULL")) GROUP BY channel
            """, organizationID, before: [now, now]
        ) { row throws(StoreError) in
            let channel = try row.read(ChannelName.self)
            let live = try row.read(Int.self)
            if live > 0 { counts.processing[channel] = live }
            let early = try row.read(Int.self)
            if let all = counts.scheduled[channel] { counts.scheduled[channel] = all - early > 0 ? all - early : nil }
        }
        for channel in counts.states.keys {
            try each(
                """
                SELECT due_at FROM outbox \(Self.of(organizationID, "channel = ? AND due_at <= ?")) ORDER BY due_at LIMIT 1
                """, organizationID, channel, now
            ) { row throws(StoreError) in
                let due = try row.read(Timestamp.self)
                counts.oldestDue = min(counts.oldestDue ?? due, due)
            }
        }
        return counts
    }

    private func accepted(_ organizationID: OrganizationID?) throws(StoreError) -> Int {
        var accepted = 0
        try each("SELECT COALESCE(SUM(accepted), 0) FROM accounting \(Self.of(organizationID))", organizationID) { row throws(StoreError) in
            accepted = try row.read()
        }
        return accepted
    }

    private static func of(_ organizationID: OrganizationID?, _ condition: String? = nil) -> String {
        let conditions = [condition, organizationID.map { _ in "organization_id = ?" }].compactMap { $0 }
        return conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
    }

    private func each(
        _ text: String, _ organizationID: OrganizationID?, _ values: any SQLiteValue..., before: [any SQLiteValue] = [],
        read: (inout SQLiteRow) throws(StoreError) -> Void
    ) throws(StoreError) {
        let organization: [any SQLiteValue] = organizationID.map { [$0] } ?? []
        _ = try all(SQL(once: text), values: before + values + organization, read: read)
    }
}
