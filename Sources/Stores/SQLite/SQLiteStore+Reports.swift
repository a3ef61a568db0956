public import AdapterKit
public import GatewayModel

extension SQLiteStore: DeliveryChanging {
    public func record(_ report: StoredReport) async throws(StoreError) -> Bool {
        try await writer.write { connection throws(StoreError) in
            let news = report.report
            let changed = try connection.run(
                "INSERT INTO reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (channel, subject, kind, at) DO NOTHING",
                report.id, report.organizationID, report.channel, news.subject, news.providerMessageID, news.deliveryID, news.kind, news.at,
                news.failure?.errorClass, news.failure?.code, news.failure?.message, news.rejectedPart.map(RejectedPartWord.init),
                report.receivedAt, report.deliveryID)
            return changed > 0
        }
    }

    public func adoptReports(for deliveries: [Delivery]) async throws(StoreError) -> [StoredReport] {
        try await writer.write { connection throws(StoreError) in
            var adopted: [StoredReport] = []
            for delivery in deliveries {
                adopted += try connection.all(
                    ReportRow.adoptByName, delivery.id, delivery.id, delivery.organizationID, read: ReportRow.read)
                guard let providerID = delivery.providerMessageID else { continue }
                adopted += try connection.all(
                    ReportRow.adoptByProvider, delivery.id, delivery.endpoint.channel, providerID, delivery.organizationID,
                    read: ReportRow.read)
            }
            return adopted
        }
    }

    public func delivery(for report: StoredReport) async throws(StoreError) -> Delivery? {
        try await readers.read { connection throws(StoreError) in
            func isTheirs(_ delivery: Delivery) -> Bool {
                report.organizationID == nil || report.organizationID == delivery.organizationID
            }
            if let id = report.report.deliveryID, let named = try connection.first(DeliveryRow.byID, id, read: DeliveryRow.read),
                isTheirs(named)
            {
                return named
            }
            guard let providerID = report.report.providerMessageID else { return nil }
            return try connection.all(DeliveryRow.byProvider, report.channel, providerID, read: DeliveryRow.read).first(where: isTheirs)
        }
    }

    public func reports(of id: DeliveryID) async throws(StoreError) -> [StoredReport] {
        try await readers.read { connection throws(StoreError) in try connection.all(ReportRow.ofDelivery, id, read: ReportRow.read) }
    }
}

/// How a report stands in its table.
private enum ReportRow {
    static let columns = """
        id, organization_id, channel, provider_message_id, named_delivery_id, kind, at, error_class, error_code, error_message, rejected_part,
        received_at, delivery_id
        """
    static let ofDelivery = SQL(shared: "SELECT \(columns) FROM reports WHERE delivery_id = ? ORDER BY at, received_at, id")
    /// A report of an organization's own account never touches what belongs to another.
    static let adoptByName = SQL(
        shared: """
            UPDATE reports SET delivery_id = ?
            WHERE delivery_id IS NULL AND named_delivery_id = ? AND (organization_id IS NULL OR organization_id = ?) RETURNING \(columns)
            """)
    static let adoptByProvider = SQL(
        shared: """
            UPDATE reports SET delivery_id = ?
            WHERE delivery_id IS NULL AND channel = ? AND provider_message_id = ? AND (organization_id IS NULL OR organization_id = ?)
            RETURNING \(columns)
            """)

    static func read(_ row: inout SQLiteRow) throws(StoreError) -> StoredReport {
        row.kind = "report"
        let id = try row.read(ReportID.self)
        let organizationID = try row.read(OrganizationID?.self)
        let channel = try row.read(ChannelName.self)
        let news = DeliveryReport(
            providerMessageID: try row.read(), deliveryID: try row.read(), kind: try row.read(), at: try row.read(),
            failure: try FailureColumns.read(&row), rejectedPart: try row.read(RejectedPartWord?.self)?.part)
        return StoredReport(
            id: id, organizationID: organizationID, channel: channel, report: news, receivedAt: try row.read(), deliveryID: try row.read())
    }
}

extension DeliveryReport {
    /// What makes two reports the same news: the provider's id, else ours.
    fileprivate var subject: String { providerMessageID.map { "provider:" + $0 } ?? "delivery:" + (deliveryID?.description ?? "") }
}

/// A rejected part as one word.
private struct RejectedPartWord: SQLiteWord {
    let part: RejectedPart

    init(_ part: RejectedPart) { self.part = part }

    init?(rawValue: String) {
        guard let part = RejectedPart(word: rawValue) else { return nil }
        self.part = part
    }

    var rawValue: String { part.word }
}
