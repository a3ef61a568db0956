import AdapterKit
import GatewayModel

/// What happened to a delivery, in the order of time.
struct DeliveryTimeline {
    struct Entry {
        var at: Timestamp
        var kind: String
        var text: String
    }

    let entries: [Entry]

    init(_ delivery: Delivery, attempts: [Attempt], reports: [StoredReport]) {
        var entries = [Entry(at: delivery.createdAt, kind: "accepted", text: "Accepted for \(delivery.endpoint.channel).")]
        for attempt in attempts {
            entries.append(Entry(at: attempt.endedAt ?? attempt.startedAt, kind: "attempt", text: Self.sentence(attempt)))
        }
        for stored in reports {
            entries.append(Entry(at: stored.report.at, kind: "report", text: "Reported \(stored.report.kind.rawValue)."))
        }
        if let settledAt = delivery.settledAt {
            let reason = delivery.reason.map { ": \($0.rawValue)" } ?? ""
            entries.append(Entry(at: settledAt, kind: "settled", text: "Came to stand as \(delivery.state.rawValue)\(reason)."))
        }
        // What happened at one moment keeps the order it was told in.
        self.entries = entries.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    private static func sentence(_ attempt: Attempt) -> String {
        let why = attempt.failure.map { ": \($0.message)" } ?? ""
        return "Try \(attempt.number) ended as \(attempt.outcome.rawValue)\(why)."
    }

    var json: JSONValue {
        .array(entries.map { ["at": JSONValue($0.at), "kind": .string($0.kind), "text": .string($0.text)] })
    }
}
