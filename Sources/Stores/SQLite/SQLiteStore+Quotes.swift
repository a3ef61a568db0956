public import AdapterKit
public import GatewayModel

extension SQLiteStore: QuoteStore {
    public func commit(_ commit: EventCommit) async throws(StoreError) -> EventCommitResult {
        let files = commit.quoteFiles.reduce(0) { $0 + $1.attachment.bytes.count }
        let messages = commit.messages.reduce(0) { $0 + $1.deliveries.reduce(512) { $0 + 1024 + $1.content.bytes.count } }
        return try await writer.write(weight: 4096 + files + messages) { connection throws(StoreError) in try connection.commit(commit) }
    }

    public func quote(_ id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> Quote? {
        try await readers.read { connection throws(StoreError) in try connection.quote(id, of: organizationID) }
    }

    public func quote(tokenHash: [UInt8]) async throws(StoreError) -> Quote? {
        try await readers.read { connection throws(StoreError) in try connection.first(QuoteRow.byToken, tokenHash, read: QuoteRow.read) }
    }

    public func files(of id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> [QuoteFile] {
        try await readers.read { connection throws(StoreError) in
            try connection.all(
                "SELECT filename, content_type, bytes FROM quote_files WHERE organization_id = ? AND quote_id = ? ORDER BY position",
                organizationID, id
            ) { row throws(StoreError) in
                QuoteFile(
                    quoteID: id, attachment: Attachment(filename: try row.read(), contentType: try row.read(), bytes: try row.read()))
            }
        }
    }

    public func recordView(
        _ id: QuoteID, organizationID: OrganizationID, at now: Timestamp, activity: Activity
    ) async throws(StoreError) -> Bool {
        try await writer.write { connection throws(StoreError) in
            // The revision rises, so that an event that read the quote before does not take the view back.
            let changed = try connection.run(
                """
                UPDATE quotes SET viewed_at = ?, updated_at = ?, revision = revision + 1
                WHERE organization_id = ? AND id = ? AND viewed_at IS NULL
                """, now, now, organizationID, id)
            guard changed > 0 else { return false }
            try connection.insert(activity)
            return true
        }
    }

    public func activities(
        of id: QuoteID, organizationID: OrganizationID, after: ActivityID?, limit: Int
    ) async throws(StoreError) -> [Activity] {
        try await readers.read { connection throws(StoreError) in
            try connection.all(
                """
                SELECT id, organization_id, quote_id, event_type, message, metadata, created_at FROM activities
                WHERE organization_id = ? AND quote_id = ? AND id > ? ORDER BY id LIMIT ?
                """, organizationID, id, after?.bits.bytes ?? [], limit
            ) { row throws(StoreError) in
                row.kind = "activity"
                return Activity(
                    id: try row.read(), organizationID: try row.read(), quoteID: try row.read(), eventType: try row.read(),
                    message: try row.read(), metadata: try row.read(), createdAt: try row.read())
            }
        }
    }
}

extension SQLiteConnection {
    func quote(_ id: QuoteID, of organizationID: OrganizationID) throws(StoreError) -> Quote? {
        try first(QuoteRow.byID, organizationID, id, read: QuoteRow.read)
    }

    fileprivate func commit(_ commit: EventCommit) throws(StoreError) -> EventCommitResult {
        let organizationID = commit.event.organizationID
        if let (earlier, decisions) = try event(commit.event.id, of: organizationID) {
            return earlier.bodyHash == commit.event.bodyHash ? .duplicate(earlier, decisions) : .bodyConflict
        }
        if let quote = commit.quote {
            let revision = try first("SELECT revision FROM quotes WHERE organization_id = ? AND id = ?", organizationID, quote.id) {
                row throws(StoreError) in try row.read(Int64.self)
            }
            guard (revision ?? 0) == quote.revision else { return .quoteChanged }
            if let hash = quote.tokenHash, try belongsToAnother(hash, than: quote) { return .tokenConflict }
            try write(quote)
        }
        try insert(commit.event)
        if let supersession = commit.supersedes { try supersede(supersession, of: organizationID) }
        for message in commit.messages { _ = try accept(message) }
        for decision in commit.decisions { try insert(decision) }
        for activity in commit.activities { try insert(activity) }
        if let lead = commit.lead { try remember(lead, of: organizationID) }
        try replace(commit.quoteFiles, of: organizationID)
        return .committed
    }

    private func belongsToAnother(_ tokenHash: [UInt8], than quote: Quote) throws(StoreError) -> Bool {
        try first("SELECT organization_id = ? AND id = ? FROM quotes WHERE token_hash = ?", quote.organizationID, quote.id, tokenHash) {
            row throws(StoreError) in try row.read(Bool.self) == false
        } ?? false
    }

    private func write(_ quote: Quote) throws(StoreError) {
        try run(
            "INSERT OR REPLACE INTO quotes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", quote.organizationID,
            quote.id,
            quote.state, quote.number, quote.leadID, quote.tokenHash, quote.sealedToken, quote.totalCents, quote.currency, quote.validUntil,
            quote.fields, quote.sentAt, quote.viewedAt, quote.acceptedAt, quote.rejectedAt, quote.sentApiKeyID, quote.createdAt,
            quote.updatedAt, quote.revision + 1)
    }

    private func supersede(_ supersession: Supersession, of organizationID: OrganizationID) throws(StoreError) {
        let waiting = try all(
            """
            SELECT d.number, d.id FROM deliveries d JOIN outbox o ON o.delivery = d.number
            WHERE d.organization_id = ? AND d.quote_id = ? AND d.is_delayed_step = 1 AND d.recorded_attempts = 0 AND o.transmitting = 0
            """, organizationID, supersession.quoteID
        ) { row throws(StoreError) in (number: try row.read(Int64.self), id: try row.read(DeliveryID.self)) }
        for one in waiting { try cancelSuperseded(one.number, id: one.id, at: supersession.at) }
    }

    fileprivate func insert(_ activity: Activity) throws(StoreError) {
        let latest = try first(
            "SELECT max(id) FROM activities WHERE organization_id = ? AND quote_id = ?", activity.organizationID, activity.quoteID
        ) {
            row throws(StoreError) in try row.read(ActivityID?.self)
        }
        let activity = activity.following(latest ?? nil)
        try run(
            "INSERT INTO activities VALUES (?, ?, ?, ?, ?, ?, ?)", activity.id, activity.organizationID, activity.quoteID,
            activity.eventType,
            activity.message, activity.metadata, activity.createdAt)
    }

    private func replace(_ files: [QuoteFile], of organizationID: OrganizationID) throws(StoreError) {
        for quoteID in Set(files.map(\.quoteID)) {
            try run("DELETE FROM quote_files WHERE organization_id = ? AND quote_id = ?", organizationID, quoteID)
        }
        for (position, file) in files.enumerated() {
            try run(
                "INSERT INTO quote_files VALUES (?, ?, ?, ?, ?, ?)", organizationID, file.quoteID, position, file.attachment.filename,
                file.attachment.contentType, file.attachment.bytes)
        }
    }
}

/// How a quote stands in its table.
private enum QuoteRow {
    static let columns = """
        id, organization_id, state, number, lead_id, token_hash, sealed_token, total_cents, currency, valid_until, fields, sent_at, viewed_at,
        accepted_at, rejected_at, sent_api_key_id, created_at, updated_at, revision
        """
    static let byID = SQL(shared: "SELECT \(columns) FROM quotes WHERE organization_id = ? AND id = ?")
    static let byToken = SQL(shared: "SELECT \(columns) FROM quotes WHERE token_hash = ?")

    static func read(_ row: inout SQLiteRow) throws(StoreError) -> Quote {
        row.kind = "quote"
        let id = try row.read(QuoteID.self)
        let organizationID = try row.read(OrganizationID.self)
        let state = try row.read(QuoteState.self)
        let number = try row.read(String.self)
        let leadID = try row.read(LeadID?.self)
        let tokenHash = try row.read([UInt8]?.self)
        let sealedToken = try row.read([UInt8]?.self)
        let totalCents = try row.read(Int64?.self)
        return Quote(
            id: id, organizationID: organizationID, state: state, number: number, leadID: leadID, tokenHash: tokenHash,
            sealedToken: sealedToken, totalCents: totalCents, currency: try row.read(), validUntil: try row.read(), fields: try row.read(),
            sentAt: try row.read(), viewedAt: try row.read(), acceptedAt: try row.read(), rejectedAt: try row.read(),
            sentApiKeyID: try row.read(), createdAt: try row.read(), updatedAt: try row.read(), revision: try row.read())
    }
}
