public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore {
    public func record(_ report: StoredReport) async throws(StoreError) -> Bool {
        let statement = ReportRow.insert(report)
        return try await write { pool async throws(PostgresError) in try await pool.run(statement, retry: .onConflict) > 0 }
    }

    public func adoptReports(for deliveries: [Delivery]) async throws(StoreError) -> [StoredReport] {
        if deliveries.isEmpty { return [] }
        let statement = ReportRow.adopt(deliveries)
        return try await write("report") { pool async throws(PostgresError) in try await pool.run(statement, retry: .onConflict) }
    }

    public func delivery(for report: StoredReport) async throws(StoreError) -> Delivery? {
        func isTheirs(_ delivery: Delivery) -> Bool { report.organizationID == nil || report.organizationID == delivery.organizationID }
        if let id = report.report.deliveryID, let named = try await delivery(id, organizationID: report.organizationID) { return named }
        guard let providerID = report.report.providerMessageID else { return nil }
        let named = try await read(
            "delivery",
            .rows(
                """
                SELECT DISTINCT delivery_id, day - '1970-01-01' FROM gateway.provider_ids
                WHERE provider_message_id = $1 AND channel = $2 AND ($3 IS NULL OR organization_id = $3)
                """, providerID, report.channel, report.organizationID
            ) { row in (id: try row.next(DeliveryID.self), day: try row.next(Day.self)) })
        if named.isEmpty { return nil }
        let found = try await read(
            "delivery", DeliveryRow.deliveries(named.map(\.id), on: Set(named.map(\.day))))
        // An id that was given to an earlier try names the delivery no more.
        return found.filter { $0.providerMessageID == providerID && isTheirs($0) }.max { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    public func reports(of id: DeliveryID) async throws(StoreError) -> [StoredReport] {
        try await onDay(of: id) { [self] day throws(StoreError) in
            try await read("report", .rows(ReportRow.ofDelivery, day, id, read: ReportRow.read))
        } ?? []
    }
}

/// How a report stands in its tables: with its delivery once that is known, and by itself until then.
private enum ReportRow {
    private static let news =
        "provider_message_id, named_delivery_id, kind, at, error_class, error_code, error_message, rejected_part, received_at"

    static let ofDelivery = SQL(
        shared: """
            SELECT id, account_id, channel, \(news), delivery_id FROM gateway.reports
            WHERE day = $1 AND delivery_id = $2 ORDER BY at, received_at, id
            """)

    /// Keeps a report unless the same news is kept already; answers how many were kept.
    static func insert(_ stored: StoredReport) -> PostgresStatement<Int> {
        let report = stored.report
        return .change(
            inserting, stored.id, stored.organizationID, stored.channel, report.subject, report.providerMessageID, report.deliveryID,
            report.kind, report.at, report.failure?.errorClass, report.failure?.code, report.failure?.message,
            report.rejectedPart.map(RejectedPartWord.init), stored.receivedAt, stored.deliveryID, stored.organizationID ?? .nobody)
    }

    private static let inserting = SQL(
        shared: """
            WITH key AS (
                INSERT INTO gateway.report_keys (organization_id, channel, subject, kind, at) VALUES ($15, $3, $4, $7, $8)
                ON CONFLICT DO NOTHING RETURNING 1
            ), matched AS (
                INSERT INTO gateway.reports (id, organization_id, account_id, day, channel, subject, \(news), delivery_id)
                SELECT $1, d.organization_id, $2, d.day, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
                FROM key, gateway.delivery_days d WHERE d.delivery_id = $14
                RETURNING 1
            ), unmatched AS (
                INSERT INTO gateway.unmatched_reports (id, organization_id, channel, subject, \(news))
                SELECT $1, $15, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
                FROM key WHERE NOT EXISTS (SELECT FROM gateway.delivery_days d WHERE d.delivery_id = $14)
                RETURNING 1
            )
            SELECT 1 FROM matched UNION ALL SELECT 1 FROM unmatched
            """)

    /// A report of an organization's own account never touches what belongs to another.
    static func adopt(_ deliveries: [Delivery]) -> PostgresStatement<[StoredReport]> {
        .rows(
            adopting, Column(deliveries, \.id), Column(deliveries, \.organizationID), Column(deliveries, \.endpoint.channel),
            Column(deliveries, \.providerMessageID), OrganizationID.nobody, read: read)
    }

    private static let adopting = SQL(
        shared: """
            WITH delivery AS MATERIALIZED (
                SELECT d.*, k.day FROM unnest($1, $2, $3, $4) AS d (id, organization_id, channel, provider_message_id)
                JOIN gateway.delivery_days k ON k.delivery_id = d.id AND k.organization_id = d.organization_id
            ), found AS MATERIALIZED (
                SELECT DISTINCT ON (r.id) r.id, r.organization_id, d.id AS delivery_id, d.organization_id AS owner_id, d.day
                FROM (
                    SELECT d.id AS delivery_id, r.* FROM delivery d JOIN gateway.unmatched_reports r ON r.named_delivery_id = d.id
                    UNION ALL
                    SELECT d.id, r.* FROM delivery d JOIN gateway.unmatched_reports r
                        ON r.channel = d.channel AND r.provider_message_id = d.provider_message_id
                ) r JOIN delivery d ON d.id = r.delivery_id
                WHERE r.organization_id = $5 OR r.organization_id = d.organization_id
                ORDER BY r.id
            ), taken AS (
                DELETE FROM gateway.unmatched_reports r USING found
                WHERE r.id = found.id AND r.organization_id = found.organization_id RETURNING r.*, found.delivery_id, found.owner_id, found.day
            )
            INSERT INTO gateway.reports (id, organization_id, account_id, day, channel, subject, \(news), delivery_id)
            SELECT id, owner_id, NULLIF(organization_id, $5), day, channel, subject, \(news), delivery_id FROM taken
            RETURNING id, account_id, channel, \(news), delivery_id
            """)

    static func read(_ row: inout PostgresRow) throws -> StoredReport {
        let id = try row.next(ReportID.self)
        let organizationID = try row.next(OrganizationID?.self)
        let channel = try row.next(ChannelName.self)
        let news = DeliveryReport(
            providerMessageID: try row.next(), deliveryID: try row.next(), kind: try row.next(), at: try row.next(),
            failure: try FailureColumns.read(&row), rejectedPart: try row.next(RejectedPartWord?.self)?.part)
        return StoredReport(
            id: id, organizationID: organizationID, channel: channel, report: news, receivedAt: try row.next(), deliveryID: try row.next())
    }
}

extension DeliveryReport {
    /// What makes two reports the same news: the provider's id, else ours.
    fileprivate var subject: String { providerMessageID.map { "provider:" + $0 } ?? "delivery:" + (deliveryID?.description ?? "") }
}

/// A rejected part as one word.
private struct RejectedPartWord: StoredText {
    let part: RejectedPart

    init(_ part: RejectedPart) { self.part = part }

    init?(storedText: String) {
        guard let part = RejectedPart(word: storedText) else { return nil }
        self.part = part
    }

    var storedText: String { part.word }
}
