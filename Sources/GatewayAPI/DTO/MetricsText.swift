import AdapterKit
import GatewayCore
import GatewayModel
import QuoteBridge

/// The figures in Prometheus' text format (version 0.0.4).
struct MetricsText {
    private(set) var text = ""

    /// - Parameters:
    ///   - counts: nil while the store cannot say.
    ///   - configured: channels whose figures stand there also while they are zero.
    init(
        _ counts: OutboxCounts?, _ snapshot: Metrics.Snapshot, store: StoreStatistics, spool: SpoolStatus?, configured: Channels,
        coordination: CoordinationFigures?, now: Timestamp
    ) {
        if let counts { add(counts, configured: configured, now: now) }
        if let spool { add(spool, now: now) }
        add(snapshot, store: store)
        if let coordination { add(coordination) }
    }

    private mutating func add(_ counts: OutboxCounts, configured: Channels, now: Timestamp) {
        let channels = Set(configured.all.map(\.name)).union(counts.states.keys).sorted()
        add(
            "gateway_deliveries", "gauge", "Deliveries by channel and state.",
            channels.flatMap { channel in
                DeliveryState.allCases.map {
                    (["channel": channel.rawValue, "state": $0.rawValue], Double(counts.states[channel]?[$0] ?? 0))
                }
            })
        add(
            "gateway_unaccounted_deliveries", "gauge", "Accepted deliveries that stand in no state, or in two.",
            [([:], Double(counts.unaccounted))])
        let oldest = counts.oldestDue.map { max(0, (now - $0).inSeconds) } ?? 0
        add("gateway_oldest_pending_seconds", "gauge", "How long the delivery that is due longest has been due.", [([:], oldest)])
    }

    private mutating func add(_ spool: SpoolStatus, now: Timestamp) {
        add("gateway_spool_events", "gauge", "Events that wait here for the store.", [([:], Double(spool.held))])
        add("gateway_spool_taken_total", "counter", "Events taken while the store was away.", [([:], Double(spool.taken))])
        add("gateway_spool_joined_total", "counter", "Events of the spool that the store has taken over.", [([:], Double(spool.joined))])
        add(
            "gateway_spool_duplicates_total", "counter", "Mails that were sent from the spool and from elsewhere too.",
            [([:], Double(spool.duplicates))])
        let age = spool.mirroredAt.map { [([String: String](), max(0, (now - $0).inSeconds))] } ?? []
        add("gateway_spool_mirror_age_seconds", "gauge", "Age of the copy of the rules that the spool decides by.", age)
    }

    private mutating func add(_ snapshot: Metrics.Snapshot, store: StoreStatistics) {
        add(
            "gateway_attempts_total", "counter", "Tries by channel and outcome.",
            snapshot.attempts.map { (["channel": $0.key.channel.rawValue, "outcome": $0.key.outcome.rawValue], Double($0.value)) })
        add("gateway_attempt_seconds_total", "counter", "Time spent in tries.", Self.rows(snapshot.attemptSeconds))
        add(
            "gateway_quote_actions_total", "counter", "What happened to quotes, and what became of it.",
            snapshot.quoteActions.merging(Self.noActions) { counted, _ in counted }
                .map { (["action": $0.key.action, "result": $0.key.result], Double($0.value)) })
        add("gateway_accepted_total", "counter", "Deliveries accepted on this node.", Self.rows(snapshot.accepted.mapValues(Double.init)))
        add("gateway_claimed_total", "counter", "Deliveries claimed on this node.", Self.rows(snapshot.claimed.mapValues(Double.init)))
        add(
            "gateway_leases_lost_total", "counter", "Results that came after their lease.",
            Self.rows(snapshot.leasesLost.mapValues(Double.init)))
        add(
            "gateway_settlements_failed_total", "counter", "Results that could not be recorded.",
            Self.rows(snapshot.settlementsFailed.mapValues(Double.init)))
        add("gateway_store_failures_total", "counter", "Store calls that failed.", [([:], Double(snapshot.storeFailures))])
        add("gateway_store_statements_total", "counter", "Statements that the store has run.", [([:], Double(store.statements))])
        add("gateway_store_transactions_total", "counter", "Writing transactions of the store.", [([:], Double(store.transactions))])
        add(
            "gateway_circuit_open", "gauge", "1 while a channel's circuit is not closed.",
            Self.rows(snapshot.circuits.mapValues { $0 == .closed ? 0 : 1 }))
    }

    private mutating func add(_ coordination: CoordinationFigures) {
        add("gateway_redis_up", "gauge", "1 while Redis can be relied on.", [([:], coordination.isUp ? 1 : 0)])
        add(
            "gateway_redis_reconnects_total", "counter", "Connections to Redis that were made anew.",
            [([:], Double(coordination.reconnects))])
        add(
            "gateway_redis_degraded_seconds_total", "counter", "How long this node has had to do without Redis.",
            [([:], coordination.degraded.inSeconds)])
        add("gateway_nodes", "gauge", "Nodes that were seen lately, this one among them.", [([:], Double(coordination.nodes))])
    }

    /// What is watched stands there from the start, so that its first increase can be seen.
    private static let noActions = Dictionary(
        uniqueKeysWithValues: ["send", "accept", "reject"].flatMap { action in
            ["ok", "failed"].map { (Metrics.ActionKey(action: action, result: $0), 0) }
        })

    private static func rows(_ values: [ChannelName: Double]) -> [([String: String], Double)] {
        values.map { (["channel": $0.key.rawValue], $0.value) }
    }

    private mutating func add(_ name: String, _ kind: String, _ help: String, _ rows: [([String: String], Double)]) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
        let lines = rows.map { labels, value in
            let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
            return "\(name)\(pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}") \(Self.number(value))\n"
        }
        text += lines.sorted().joined()
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
