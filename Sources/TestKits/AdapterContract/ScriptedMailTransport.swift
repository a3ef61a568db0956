public import AdapterKit
import Synchronization

/// A mail transport that hands out canned results in order, the last one again and again, and records what it was asked to send.
public final class ScriptedMailTransport: MailTransport, CustomReflectable {
    public struct Call: Hashable, Sendable {
        /// `nil` for a probe.
        public var mail: MailSubmission?
        public var server: MailServer
    }

    private let script: [MailResult]
    private let recorded = Mutex<[Call]>([])

    /// Without results every call waits until its task is cancelled.
    public init(_ script: [MailResult] = []) { self.script = script }

    public var calls: [Call] { recorded.withLock { $0 } }

    public func send(_ mail: MailSubmission, through server: MailServer) async throws(CancellationError) -> MailResult {
        let result = try await next(Call(mail: mail, server: server))
        return result.addressed(to: mail.recipients)
    }

    public func probe(_ server: MailServer) async throws(CancellationError) -> MailResult {
        try await next(Call(mail: nil, server: server))
    }

    private func next(_ call: Call) async throws(CancellationError) -> MailResult {
        let number = recorded.withLock { calls in
            calls.append(call)
            return calls.count - 1
        }
        guard let last = script.last else { try await waitForCancellation() }
        return number < script.count ? script[number] : last
    }

    /// Empty, so that a description of an adapter shows nothing of the script.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension MailResult {
    /// Fills in the replies to recipients where the script gave none: all were taken, or all were refused at `rcpt` with the same reply.
    fileprivate func addressed(to addresses: [String]) -> MailResult {
        func all(_ reply: SMTPReply) -> [RecipientReply] { addresses.map { RecipientReply(recipient: $0, reply: reply) } }
        switch self {
        case .accepted(let reply, let recipients) where recipients.isEmpty:
            return .accepted(reply, recipients: all(SMTPReply(code: 250, lines: ["OK"])))
        case .refused(let reply, .rcpt, let recipients) where recipients.isEmpty:
            return .refused(reply, in: .rcpt, recipients: all(reply))
        case .refused(let reply, let phase, let recipients) where recipients.isEmpty && phase > .rcpt:
            return .refused(reply, in: phase, recipients: all(SMTPReply(code: 250, lines: ["OK"])))
        default: return self
        }
    }
}
