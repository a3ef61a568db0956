import AdapterKit
import GatewayModel
import WorkflowEngine

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
            // A provider's clock is its own, and often knows whole seconds only: no report came before the first try began.
            let at = max(stored.report.at, attempts.first.map { $0.endedAt ?? $0.startedAt } ?? delivery.createdAt)
            entries.append(Entry(at: at, kind: "report", text: "Reported \(stored.report.kind.rawValue)."))
        }
        if let settledAt = delivery.settledAt {
            let why = delivery.reason.map { ": \($0.words)" } ?? ""
            entries.append(Entry(at: settledAt, kind: "settled", text: "\(delivery.state.rawValue.capitalizedFirst)\(why)."))
        }
        // What happened at one moment keeps the order it was told in.
        self.entries = entries.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    private static func sentence(_ attempt: Attempt) -> String {
        let words =
            switch attempt.outcome {
            case .accepted: "was accepted"
            case .deferred: "was put off"
            case .throttled: "came too early or was one too many"
            case .channelFault: "found the account unable to send"
            case .rejected: "was refused"
            case .answerLost: "got no answer"
            }
        return "Try \(attempt.number) \(words)\(attempt.failure.map { ": \($0.clause)" } ?? "")."
    }

    var json: JSONValue {
        .array(entries.map { ["at": JSONValue($0.at), "kind": .string($0.kind), "text": .string($0.text)] })
    }
}
