public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: QuoteStore {
    public func quote(_ id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> Quote? {
        try await read("quote", .row(QuoteRow.byID, organizationID, id, read: QuoteRow.read))
    }

    public func quote(tokenHash: [UInt8]) async throws(StoreError) -> Quote? {
        try await read("quote", .row(QuoteRow.byToken, tokenHash, read: QuoteRow.read))
    }

    public func files(of id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> [QuoteFile] {
        try await read(
            "file",
            .rows(
                """
                SELECT filename, content_type, bytes FROM gateway.quote_files WHERE organization_id = $1 AND quote_id = $2 ORDER BY position
                """, organizationID, id
            ) { row in
                QuoteFile(
                    quoteID: id, attachment: Attachment(filename: try row.next(), contentType: try row.next(), bytes: try row.next()))
            })
    }

    public func recordView(
        _ id: QuoteID, organizationID: OrganizationID, at now: Timestamp, activity: Activity
    ) async throws(StoreError) -> Bool {
        // The revision rises, so that an event that read the quote before does not take the view back.
        let view = PostgresStatement.change(
            """
            UPDATE gateway.quotes SET viewed_at = $3, updated_at = $3, revision = revision + 1
            WHERE organization_id = $1 AND id = $2 AND viewed_at IS NULL
            """, organizationID, id, now)
        return try await write("quote") { pool async throws(PostgresError) in
            try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                let (changed, latest) = try await transaction.run(view, QuoteRow.latestActivity(of: id, organizationID))
                guard changed > 0 else { return .rollBack(false) }
                for activity in [activity].rising(after: latest) { transaction.later(QuoteRow.insert(activity)) }
                return .commit(true)
            }
        }
    }

    public func activities(
        of id: QuoteID, organizationID: OrganizationID, after: ActivityID?, limit: Int
    ) async throws(StoreError) -> [Activity] {
        try await read(
            "activity",
            .rows(
                """
                SELECT id, organization_id, quote_id, event_type, message, metadata, created_at FROM gateway.activities
                WHERE organization_id = $1 AND quote_id = $2 AND id > $3 ORDER BY id LIMIT $4
                """, organizationID, id, after ?? ActivityID(.least), limit
            ) { row in
                Activity(
                    id: try row.next(), organizationID: try row.next(), quoteID: try row.next(), eventType: try row.next(),
                    message: try row.next(), metadata: try row.next(), createdAt: try row.next())
            })
    }
}

/// How a quote stands in its tables, with its files and its history.
enum QuoteRow {
    private static let columns = """
        id, organization_id, state, number, lead_id, token_hash, sealed_token, total_cents, currency, valid_until, fields, sent_at, viewed_at,
        accepted_at, rejected_at, sent_api_key_id, created_at, updated_at, revision
        """
    static let byID = SQL(shared: "SELECT \(columns) FROM gateway.quotes WHERE organization_id = $1 AND id = $2")
    static let byToken = SQL(
        shared: """
            SELECT \(columns) FROM gateway.quotes
            WHERE (organization_id, id) = (SELECT organization_id, quote_id FROM gateway.quote_tokens WHERE token_hash = $1)
            """)

    /// Locks a quote and answers its revision; `nil` where there is none.
    static func lock(_ id: QuoteID, of organizationID: OrganizationID) -> PostgresStatement<Int64?> {
        .row("SELECT revision FROM gateway.quotes WHERE organization_id = $1 AND id = $2 FOR UPDATE", organizationID, id) { row in
            try row.next(Int64.self)
        }
    }

    /// Writes a quote that is locked, or is to be made; its revision is the one that was read. A token that is another quote's is refused.
    static func write(_ quote: Quote) -> [PostgresStatement<Int>] {
        let row = PostgresStatement<Int>.change(
            quote.revision == 0 ? inserting : updating, quote.id, quote.organizationID, quote.state, quote.number, quote.leadID,
            quote.tokenHash, quote.sealedToken, quote.totalCents, quote.currency, quote.validUntil, quote.fields, quote.sentAt,
            quote.viewedAt, quote.acceptedAt, quote.rejectedAt, quote.sentApiKeyID, quote.createdAt, quote.updatedAt, quote.revision + 1)
        guard let hash = quote.tokenHash else { return [row] }
        return [row, .change(takingToken, hash, quote.organizationID, quote.id)]
    }

    /// Whose it is already keeps it: the key is violated by another's alone.
    private static let takingToken: SQL = """
        INSERT INTO gateway.quote_tokens (token_hash, organization_id, quote_id)
        SELECT $1, $2, $3 WHERE NOT EXISTS (
            SELECT FROM gateway.quote_tokens WHERE token_hash = $1 AND organization_id = $2 AND quote_id = $3)
        """

    private static let places = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19"
    private static let inserting = SQL(shared: "INSERT INTO gateway.quotes (\(columns)) VALUES (\(places))")
    private static let updating = SQL(
        shared: "UPDATE gateway.quotes SET (\(columns)) = ROW (\(places)) WHERE organization_id = $2 AND id = $1 AND revision = $19 - 1")

    static func latestActivity(of id: QuoteID, _ organizationID: OrganizationID) -> PostgresStatement<ActivityID?> {
        .row(
            "SELECT id FROM gateway.activities WHERE organization_id = $1 AND quote_id = $2 ORDER BY id DESC LIMIT 1", organizationID, id
        ) { row in try row.next(ActivityID.self) }
    }

    static func insert(_ activity: Activity) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.activities (id, organization_id, quote_id, event_type, message, metadata, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            activity.id, activity.organizationID, activity.quoteID, activity.eventType, activity.message, activity.metadata,
            activity.createdAt)
    }

    static func replace(_ files: [QuoteFile], of organizationID: OrganizationID) -> [PostgresStatement<Int>] {
        if files.isEmpty { return [] }
        return [
            .change(
                "DELETE FROM gateway.quote_files WHERE organization_id = $1 AND quote_id = ANY ($2)", organizationID,
                Column(Set(files.map(\.quoteID)))),
            .change(
                """
                INSERT INTO gateway.quote_files (organization_id, quote_id, filename, content_type, bytes, position)
                SELECT $1, f.* FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS f
                """,
                organizationID, Column(files, \.quoteID), Column(files, \.attachment.filename), Column(files, \.attachment.contentType),
                Column(files, \.attachment.bytes)),
        ]
    }

    static func read(_ row: inout PostgresRow) throws -> Quote {
        let id = try row.next(QuoteID.self)
        let organizationID = try row.next(OrganizationID.self)
        let state = try row.next(QuoteState.self)
        let number = try row.next(String.self)
        let leadID = try row.next(LeadID?.self)
        let tokenHash = try row.next([UInt8]?.self)
        let sealedToken = try row.next([UInt8]?.self)
        let totalCents = try row.next(Int64?.self)
        return Quote(
            id: id, organizationID: organizationID, state: state, number: number, leadID: leadID, tokenHash: tokenHash,
            sealedToken: sealedToken, totalCents: totalCents, currency: try row.next(), validUntil: try row.next(), fields: try row.next(),
            sentAt: try row.next(), viewedAt: try row.next(), acceptedAt: try row.next(), rejectedAt: try row.next(),
            sentApiKeyID: try row.next(), createdAt: try row.next(), updatedAt: try row.next(), revision: try row.next())
    }
}

extension [Activity] {
    /// The same entries under ids that rise from `latest` on.
    func rising(after latest: ActivityID?) -> [Activity] {
        var latest = latest
        return map { activity in
            let next = activity.following(latest)
            latest = next.id
            return next
        }
    }
}
