import AdapterKit

/// What a mail server's answer means for a delivery.
///
/// The meaning is data (`enhancedRows`, `basicRows`), read in a fixed order: the phase narrows the rows; then the enhanced code decides, where
/// there is one that agrees with the basic code (RFC 2034; RFC 3463); then the basic code (RFC 5321, section 4.2). Words of the reply only pick
/// between rows, and never make an address look dead.
enum SMTPReplyTable {
    struct Row: Sendable {
        var phases: Set<MailPhase>
        var codes: ClosedRange<Int>
        /// The enhanced codes that the row is about; `nil` in rows that go by the basic code.
        var enhanced: EnhancedPattern?
        /// When not empty, one of these must stand in the reply, in any case.
        var words: [String]
        var verdict: Verdict
        /// The reason in our own words: the server's may echo addresses.
        var summary: String
    }

    /// Enhanced codes of one subject: all of them, or those with these details.
    struct EnhancedPattern: Sendable {
        var `class`: Int
        var subject: Int?
        var details: [ClosedRange<Int>]

        func matches(_ code: SMTPReply.EnhancedCode) -> Bool {
            code.class == self.class && (subject == nil || code.subject == subject)
                && (details.isEmpty || details.contains { $0.contains(code.detail) })
        }
    }

    enum Verdict: Hashable, Sendable {
        case deferred(ErrorClass, wait: Duration? = nil)
        case throttled(ErrorClass, wait: Duration? = nil)
        case channelFault(ErrorClass)
        case rejected(ErrorClass, RejectedPart)
    }

    /// The outcome of a whole mail transaction with one recipient.
    static func outcome(of result: MailResult, messageID: String?) -> DeliveryOutcome {
        switch result {
        case .accepted(let reply, let recipients):
            // The message was taken, but not for a recipient whose own reply was a refusal.
            if let refused = recipients.first(where: { $0.reply.code / 100 != 2 }) { return outcome(of: refused.reply, in: .rcpt) }
            return .accepted(Acceptance(providerMessageID: messageID, code: reply.codes, summary: "The mail server took it."))
        case .refused(let reply, let phase, let recipients):
            return outcome(of: phase == .rcpt ? recipients.first?.reply ?? reply : reply, in: phase)
        case .failed(let failure, let phase):
            return outcome(of: failure.reason, in: phase)
        }
    }

    /// The outcome of a refusal.
    static func outcome(of reply: SMTPReply, in phase: MailPhase) -> DeliveryOutcome {
        let row = row(for: reply, in: phase)
        func failure(_ errorClass: ErrorClass) -> DeliveryFailure { DeliveryFailure(errorClass, code: reply.codes, row.summary) }
        switch row.verdict {
        case .deferred(let errorClass, let wait): return .deferred(failure(errorClass), retryAfter: hint(reply) ?? wait)
        case .throttled(let errorClass, let wait): return .throttled(failure(errorClass), retryAfter: hint(reply) ?? wait)
        case .channelFault(let errorClass): return .channelFault(failure(errorClass))
        case .rejected(let errorClass, let part): return .rejected(failure(errorClass), of: part)
        }
    }

    static func row(for reply: SMTPReply, in phase: MailPhase) -> Row {
        let text = reply.lines.joined(separator: " ").lowercased()
        func fits(_ row: Row) -> Bool {
            row.phases.contains(phase) && row.codes.contains(reply.code)
                && (row.words.isEmpty || row.words.contains { !text.ranges(of: $0).isEmpty })
        }
        if let code = reply.enhanced, code.class == reply.code / 100,
            let row = enhancedRows.first(where: { $0.enhanced?.matches(code) == true && fits($0) })
        {
            return row
        }
        return basicRows.first(where: fits) ?? unintelligible
    }

    /// A reply that no phase of a transaction allows: the next try gets a new connection.
    private static let unintelligible = Row(
        phases: Set(MailPhase.allCases), codes: 0...999, words: [], verdict: .deferred(.providerUnavailable),
        summary: "The mail server answered with something that is not allowed here.")

    // MARK: - Failures without a reply

    private struct Breakdown {
        var verdict: Verdict
        var summary: String
    }

    private static func outcome(of reason: MailFailure.Reason, in phase: MailPhase) -> DeliveryOutcome {
        guard phase != .finalDot else {
            return .answerLost(
                DeliveryFailure(.answerLost, "The connection broke off after the whole message had gone out and before the answer came."))
        }
        let breakdown = breakdown(reason)
        switch breakdown.verdict {
        case .deferred(let errorClass, let wait): return .deferred(DeliveryFailure(errorClass, breakdown.summary), retryAfter: wait)
        case .throttled(let errorClass, let wait): return .throttled(DeliveryFailure(errorClass, breakdown.summary), retryAfter: wait)
        case .channelFault(let errorClass): return .channelFault(DeliveryFailure(errorClass, breakdown.summary))
        case .rejected(let errorClass, let part): return .rejected(DeliveryFailure(errorClass, breakdown.summary), of: part)
        }
    }

    /// Before the final dot nothing was handed over, so trying again is free.
    private static func breakdown(_ reason: MailFailure.Reason) -> Breakdown {
        switch reason {
        case .nameResolution: Breakdown(verdict: .deferred(.connection), summary: "The mail server's name could not be resolved.")
        case .connect: Breakdown(verdict: .deferred(.connection), summary: "The mail server could not be reached.")
        case .closed: Breakdown(verdict: .deferred(.connection), summary: "The connection closed before the message was handed over.")
        case .tls: Breakdown(verdict: .deferred(.connection), summary: "No secure connection could be made with the mail server.")
        case .timeout: Breakdown(verdict: .deferred(.timeout), summary: "The mail server did not answer in time; nothing was handed over.")
        case .noConnection: Breakdown(verdict: .throttled(.timeout), summary: "No connection to the mail server was free in time.")
        case .protocolViolation: Breakdown(verdict: .deferred(.providerUnavailable), summary: "What the server sent is not SMTP.")
        case .forbiddenAddress:
            Breakdown(verdict: .channelFault(.policy), summary: "The mail server's address is not one that may be called.")
        case .startTLSUnavailable:
            Breakdown(verdict: .channelFault(.configuration), summary: "The mail server offers no STARTTLS, which is required.")
        case .authUnavailable:
            Breakdown(verdict: .channelFault(.configuration), summary: "The mail server offers no login, and a password is set.")
        case .smtputf8Unavailable:
            Breakdown(
                verdict: .rejected(.recipientInvalid, .message), summary: "The mail server takes no addresses in other scripts (SMTPUTF8).")
        case .tooLarge:
            Breakdown(verdict: .rejected(.contentRejected, .size), summary: "The message is larger than the mail server takes.")
        case .invalidEnvelope: Breakdown(verdict: .rejected(.internal, .message), summary: "The envelope could not be put into SMTP.")
        }
    }

    // MARK: - Hints

    /// The wait that a reply spells out: `try again in 300 seconds`, `in 5 minutes`, `come back in 00:04:57`; at most a day.
    static func hint(_ reply: SMTPReply) -> Duration? {
        guard reply.code / 100 == 4 else { return nil }
        let words = reply.lines.joined(separator: " ").lowercased().split { !($0.isLetter || $0.isNumber || $0 == ":") }
        for (index, word) in words.enumerated() where (word == "in" || word == "for" || word == "after") && index + 1 < words.count {
            if let seconds = seconds(words[index + 1], unit: index + 2 < words.count ? words[index + 2] : ""),
                (1...86_400).contains(seconds)
            {
                return .seconds(seconds)
            }
        }
        return nil
    }

    private static func seconds(_ amount: Substring, unit: Substring) -> Int? {
        let clock = amount.split(separator: ":", omittingEmptySubsequences: false)
        if clock.count == 3 {
            let parts = clock.compactMap { $0.utf8.count <= 2 ? Int($0) : nil }
            return parts.count == 3 ? parts[0] * 3600 + parts[1] * 60 + parts[2] : nil
        }
        let digits = amount.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), number <= 86_400 else { return nil }
        // `300s` carries its unit itself.
        switch digits.count < amount.count ? amount[digits.endIndex...] : unit {
        case "s", "sec", "secs", "second", "seconds": return number
        case "m", "min", "mins", "minute", "minutes": return number * 60
        case "h", "hr", "hrs", "hour", "hours": return number * 3600
        default: return nil
        }
    }
}
