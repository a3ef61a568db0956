import AdapterKit
import GatewayModel
import QuoteBridge

/// How the spool stands, as probes are told.
struct SpoolReadiness {
    private let status: SpoolStatus?
    private let isWritable: Bool
    private let maxAge: Duration
    private let now: Timestamp

    init(_ spool: Spool?, at now: Timestamp) async {
        status = spool?.status
        maxAge = spool?.configuration.maxMirrorAge ?? .zero
        self.now = now
        do throws(StoreError) {
            try await spool?.store.store.checkWritable()
            isWritable = true
        } catch { isWritable = false }
    }

    /// What an operator should know of it.
    var detail: [String] {
        guard let status else { return [] }
        var detail: [String] = []
        if !isWritable { detail.append("the spool cannot be written") }
        if status.held > 0 {
            detail.append(status.held == 1 ? "an event waits in the spool" : "\(status.held) events wait in the spool")
        }
        if status.mirroredAt.map({ now - $0 > maxAge }) ?? true {
            detail.append("the spool's copy of the rules is missing or too old to decide by")
        }
        return detail
    }

    /// Whether calls about quotes can be answered although the store fails.
    func takesEvents(despite error: StoreError?) -> Bool {
        guard status != nil, isWritable else { return false }
        switch error {
        case .unavailable, .outcomeUnknown, .full: return true
        case .schema, .corrupt, .driver, nil: return false
        }
    }

    var json: JSONValue {
        guard let status else { return "off" }
        return .record([
            "status": isWritable ? "ok" : "unavailable", "events": JSONValue(status.held), "taken": JSONValue(status.taken),
            "joined": JSONValue(status.joined), "duplicates": JSONValue(status.duplicates),
            "mirrorAgeSeconds": status.mirroredAt.map { .int(max(0, now.secondsSinceEpoch - $0.secondsSinceEpoch)) },
        ])
    }
}
