import GatewayModel

/// How the rows of a table of the embedded store become rows of one table here.
///
/// What was exported lies in tables `gateway.import_…` with the columns that it had there, `s` in `from`. A column here takes the value of the
/// column there that has its name, in this schema's type, unless `values` says otherwise.
struct Placement: Sendable {
    /// The table here.
    let table: String
    /// The table there.
    let source: String
    /// Where the rows come from: the source and whatever else tells where they belong; `s` is the source.
    let from: String
    /// Which of them; nil for all.
    let condition: String?
    /// Columns here that are not simply those there, as SQL.
    let values: [String: String]
    /// Columns there that live on in another way.
    let spent: Set<String>
    /// Whether each row of the source is to become one row here, or of the other placements that say so; else this is something beside them.
    let isWhole: Bool

    init(
        _ table: String, from source: String, _ from: String? = nil, where condition: String? = nil, values: [String: String] = [:],
        spent: Set<String> = [], isWhole: Bool = true
    ) {
        self.table = table
        self.source = source
        self.from = from ?? "gateway.import_\(source) s"
        self.condition = condition
        self.values = values
        self.spent = spent
        self.isWhole = isWhole
    }

    /// A table that is the same on both sides.
    private init(same table: String) { self.init(table, from: table) }

    /// What belongs to nobody in particular has an organization here.
    private static let nobody = "'00000000-0000-0000-0000-000000000000'"
    private static func uuid(_ column: String) -> String { "encode(\(column), 'hex')::uuid" }
    private static func orNobody(_ column: String) -> String { "COALESCE(\(uuid(column)), \(nobody))" }

    // MARK: What has a day

    /// Messages, and what belongs to them, of the day `$1`.
    private static let messages = "gateway.import_message_days k"
    private static let deliveries = "\(messages) JOIN gateway.import_deliveries d ON d.message_id = k.message_id"
    private static let events = "gateway.import_event_days k"
    private static let ofDelivery = [
        "delivery_id": uuid("d.id"), "organization_id": uuid("d.organization_id"), "day": "k.day",
    ]

    /// What is placed day by day.
    static let ofDays: [Placement] = [
        Placement(
            "messages", from: "messages", "\(messages) JOIN gateway.import_messages s ON s.id = k.message_id",
            values: [
                "day": "k.day",
                "delivery_ids":
                    "COALESCE((SELECT array_agg(\(uuid("d.id")) ORDER BY d.number) FROM gateway.import_deliveries d WHERE d.message_id = s.id), '{}')",
            ]),
        Placement(
            "message_keys", from: "messages", "\(messages) JOIN gateway.import_messages s ON s.id = k.message_id",
            where: "s.idempotency_key IS NOT NULL", values: ["message_id": uuid("s.id"), "day": "k.day"], isWhole: false),
        Placement(
            "deliveries", from: "deliveries", "\(messages) JOIN gateway.import_deliveries s ON s.message_id = k.message_id",
            values: ["day": "k.day"], spent: ["number"]),
        Placement(
            "delivery_days", from: "deliveries", "\(messages) JOIN gateway.import_deliveries s ON s.message_id = k.message_id",
            values: ["delivery_id": uuid("s.id"), "day": "k.day"], isWhole: false),
        Placement(
            "provider_ids", from: "deliveries", "\(messages) JOIN gateway.import_deliveries s ON s.message_id = k.message_id",
            where: "s.provider_message_id IS NOT NULL", values: ["delivery_id": uuid("s.id"), "day": "k.day"], isWhole: false),
        Placement(
            "contents", from: "contents", "\(deliveries) JOIN gateway.import_contents s ON s.delivery = d.number", values: ofDelivery,
            spent: ["delivery"]),
        Placement(
            "attempts", from: "attempts", "\(deliveries) JOIN gateway.import_attempts s ON s.delivery = d.number", values: ofDelivery,
            spent: ["delivery"]),
        Placement(
            "reports", from: "reports", "\(deliveries) JOIN gateway.import_reports s ON s.delivery_id = d.id",
            values: ["organization_id": uuid("d.organization_id"), "account_id": uuid("s.organization_id"), "day": "k.day"]),
        Placement(
            "events", from: "events",
            "\(events) JOIN gateway.import_events s ON s.organization_id = k.organization_id AND s.id = k.event_id",
            values: ["day": "k.day"]),
        Placement(
            "event_ids", from: "events",
            "\(events) JOIN gateway.import_events s ON s.organization_id = k.organization_id AND s.id = k.event_id",
            values: ["event_id": uuid("s.id"), "day": "k.day"], isWhole: false),
        Placement(
            "unplanned_events", from: "events",
            "\(events) JOIN gateway.import_events s ON s.organization_id = k.organization_id AND s.id = k.event_id",
            where: "s.is_planned = 0", values: ["event_id": uuid("s.id"), "day": "k.day"], isWhole: false),
        Placement(
            "decisions", from: "decisions",
            "\(events) JOIN gateway.import_decisions s ON s.organization_id = k.organization_id AND s.event_id = k.event_id",
            values: [
                "day": "k.day",
                "position": "row_number() OVER (PARTITION BY s.organization_id, s.event_id ORDER BY s.number)",
            ]),
        Placement(
            "decision_deliveries", from: "decision_deliveries",
            """
            \(events) JOIN gateway.import_decisions d ON d.organization_id = k.organization_id AND d.event_id = k.event_id
            JOIN gateway.import_decision_deliveries s ON s.decision = d.number
            """,
            values: [
                "organization_id": uuid("d.organization_id"), "event_id": uuid("d.event_id"), "decision_id": uuid("d.id"), "day": "k.day",
            ], spent: ["decision"]),
    ]

    // MARK: What has none

    /// What is placed at the end, all at once: by it a store comes to life.
    static let ofStore: [Placement] =
        [
            Placement(
                "organizations", from: "organizations", values: ["organization_id": uuid("s.id")]),
            Placement("api_keys", from: "api_keys", values: ["organization_id": orNobody("s.organization_id")]),
            Placement("audit_entries", from: "audit_entries", values: ["organization_id": orNobody("s.organization_id")]),
            Placement(
                "quote_tokens", from: "quotes", where: "s.token_hash IS NOT NULL", values: ["quote_id": "s.id"], isWhole: false),
            Placement(
                "unmatched_reports", from: "reports",
                where: "NOT EXISTS (SELECT FROM gateway.import_deliveries d WHERE d.id = s.delivery_id)",
                values: ["organization_id": orNobody("s.organization_id")]),
            Placement("report_keys", from: "reports", values: ["organization_id": orNobody("s.organization_id")], isWhole: false),
            Placement(
                "lanes", from: "outbox",
                "(SELECT DISTINCT organization_id, ordering_key FROM gateway.import_outbox WHERE ordering_key IS NOT NULL) s",
                isWhole: false),
            Placement(
                "outbox", from: "outbox",
                """
                gateway.import_outbox s JOIN gateway.import_deliveries d ON d.number = s.delivery
                JOIN gateway.import_message_days k ON k.message_id = d.message_id
                """,
                values: [
                    "delivery_id": uuid("d.id"), "day": "k.day", "fallback_of": uuid("d.fallback_of"),
                    // Claims make the others ready when their time comes.
                    "ready": "s.lease_token IS NOT NULL",
                    "delayed_quote_id": "CASE WHEN d.is_delayed_step <> 0 AND d.recorded_attempts = 0 THEN d.quote_id END",
                    // Of one key's that were accepted in the same moment the first to come goes first: here their order is that of their ids.
                    "accepted_at": """
                    s.accepted_at + CASE WHEN s.ordering_key IS NULL THEN 0 ELSE
                        row_number() OVER (PARTITION BY s.organization_id, s.ordering_key, s.order_at, s.accepted_at ORDER BY s.delivery) - 1
                    END
                    """,
                ], spent: ["delivery"]),
            Placement(same: "accounting"),
        ]
        + [
            "quotes", "quote_files", "activities", "suppressions", "workflow_versions", "workflows", "workflow_steps", "assignment_rules",
            "lead_overrides", "leads",
        ].map { Placement(same: $0) }

    static let all = ofDays + ofStore

    /// What is kept here and the embedded store does not know, or is about the store itself: not placed, and may hold something before.
    static let untouched = ["schema_migrations", "write_checks", "leadership", "role_grants"]
}
