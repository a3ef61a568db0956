public import AdapterKit
import GatewayModel

extension Delivery {
    /// The delivery as the subject of a sentence, without the article.
    var noun: String {
        "\(endpoint.channel)" + (audience.map { " to \($0.noun)" } ?? "") + (trigger.map { " for \($0)" } ?? "")
    }

    /// How the delivery stands, told of `name`.
    func sentence(as name: String, now: Timestamp) -> String {
        ([standing(as: name, now: now)] + flagNotes).joined(separator: " ")
    }

    private func standing(as name: String, now: Timestamp) -> String {
        switch state {
        case .succeeded:
            let reported = confirmation.map { " and reported \($0.rawValue)" } ?? ""
            if reason == .resolvedByUser { return "\(name) counts as delivered\(afterTries)\(reported): \(Reason.resolvedByUser.words)." }
            return "\(name) was accepted by the provider\(afterTries)\(reported)."
        case .failed:
            let moment = recordedAttempts == 0 && attemptCount == 0 ? " before any try" : afterTries
            return "\(name) failed\(moment)\(reason.map { ": \($0.words)" } ?? "")\(error)."
        case .suppressed: return "\(name) was held back\(afterTries): \(reason?.words ?? "nothing may be sent to its recipient")."
        case .cancelled:
            return "\(name) was cancelled\(afterTries.isEmpty ? " before it was sent" : afterTries)\(reason.map { ": \($0.words)" } ?? "")."
        case .unknown: return "\(name) may have been delivered: the answer to the last try was lost\(error). A report or a person decides."
        case .pending: return waiting(as: name, now: now)
        }
    }

    private func waiting(as name: String, now: Timestamp) -> String {
        if shownState(at: now) == .processing { return "\(name) is being sent now." }
        if dueAt == .distantFuture { return "\(name) waits for how another delivery ends." }
        guard recordedAttempts > 0 || attemptCount > 0 || lastError != nil else {
            return dueAt > now ? "\(name) waits until \(dueAt)." : "\(name) is due and waits for its turn."
        }
        let next = dueAt > now ? "The next try comes at \(dueAt)." : "The next try is due."
        let count = attemptCount == 0 ? "no try of \(maxAttempts) used up" : "\(attemptCount) of \(maxAttempts) tries used up"
        return "\(name) is not sent yet, with \(count)\(error). \(next)"
    }

    /// How the delivery stands, as a part of a list that counts.
    func standing(at now: Timestamp) -> String {
        let because = reason.map { " (\($0.words))" } ?? ""
        return switch shownState(at: now) {
        case .succeeded:
            (reason == .resolvedByUser ? "counted as delivered" : "accepted by the provider")
                + (confirmation.map { " and reported \($0.rawValue)" } ?? "")
        case .failed: "failed\(because)"
        case .suppressed: "held back\(because)"
        case .cancelled: "cancelled\(because)"
        case .unknown: "perhaps delivered, for the answer was lost"
        case .processing: "being sent now"
        case .scheduled: "waiting until later"
        case .pending: "due"
        }
    }

    /// What would have had to be otherwise for the delivery to succeed.
    var counterfactual: Explanation.Counterfactual? {
        let change: String
        switch (state, reason) {
        case (.suppressed, .addressSuppressed?): change = "the address were not suppressed"
        case (.suppressed, .optedOut?): change = "the recipient had not opted out"
        case (.failed, .attemptsExhausted?): change = "the provider had accepted one of the tries"
        case (.failed, .rejected?): change = "the provider had accepted it"
        default: return nil
        }
        return Explanation.Counterfactual(
            change: change, outcome: "the \(noun) would have \(state == .failed ? "succeeded" : "been sent")")
    }

    private var afterTries: String {
        switch attemptCount {
        case 0: ""
        case 1: " after 1 try"
        default: " after \(attemptCount) tries"
        }
    }

    private var error: String {
        lastError.map { "; last error: \($0.clause)" } ?? ""
    }

    /// What else is to be known.
    private var flagNotes: [String] {
        [
            (.possibleDuplicate, state == .pending ? "It may have arrived already." : "It may have arrived twice."),
            (.bounced, "A report says that it bounced."),
            (.complained, "The recipient complained of it."), (.undelivered, "A report says that it was not delivered."),
            (.lateReport, "A late report says that it was delivered after all."),
        ]
        .filter { flags.contains($0.0) }.map { (pair: (DeliveryFlags, String)) in pair.1 }
    }
}

extension DeliveryFailure {
    /// What was said, and the provider's code for it; some providers end with a full stop of their own.
    public var clause: String {
        String(message.reversed().drop { $0 == "." || $0.isWhitespace }.reversed()) + (code.map { " (\($0))" } ?? "")
    }
}
