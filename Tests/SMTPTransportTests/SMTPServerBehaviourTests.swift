import AdapterKit
import Testing

@testable import SMTPTransport

/// What servers do, phase by phase, and what the session makes of it: no sockets, no clock.
@Suite struct SMTPServerBehaviourTests {
    enum Input: Sendable, Equatable {
        case say(Int, String = "")
        case closes, fallsSilent, talksNonsense
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var phase: MailPhase
        var input: Input
        var expected: String
        var testDescription: String { "\(input) at \(phase)" }
    }

    /// In the order of the phases; `closes` behind an outcome says that the connection goes with it.
    static let rows: [Row] =
        rows(
            .greeting,
            [
                (.say(421), "refused 421 at greeting, closes"), (.say(450), "refused 450 at greeting, closes"),
                (.say(554), "refused 554 at greeting, closes"), (.say(521), "refused 521 at greeting, closes"),
                (.say(354), "protocolViolation at greeting, closes"), (.closes, "closed at greeting, closes"),
                (.fallsSilent, "timeout at greeting, closes"), (.talksNonsense, "protocolViolation at greeting, closes"),
            ])
        + rows(
            .ehlo,
            [
                (.say(421), "refused 421 at ehlo, closes"), (.say(451), "refused 451 at ehlo, closes"),
                (.say(550), "refused 550 at ehlo, closes"), (.say(354), "protocolViolation at ehlo, closes"),
                (.closes, "closed at ehlo, closes"), (.fallsSilent, "timeout at ehlo, closes"),
                (.talksNonsense, "protocolViolation at ehlo, closes"),
            ])
        + rows(
            .startTLS,
            [
                (.say(421), "refused 421 at startTLS, closes"), (.say(454), "refused 454 at startTLS, closes"),
                (.say(501), "refused 501 at startTLS, closes"), (.say(354), "protocolViolation at startTLS, closes"),
                (.closes, "closed at startTLS, closes"), (.fallsSilent, "timeout at startTLS, closes"),
            ])
        + rows(
            .tls,
            [
                (.closes, "closed at tls, closes"), (.fallsSilent, "timeout at tls, closes"),
                (.say(250), "protocolViolation at tls, closes"),
            ])
        + rows(
            .auth,
            [
                (.say(421), "refused 421 at auth, closes"), (.say(454, "4.7.0"), "refused 454 4.7.0 at auth, closes"),
                (.say(535, "5.7.8"), "refused 535 5.7.8 at auth, closes"), (.say(354), "protocolViolation at auth, closes"),
                (.closes, "closed at auth, closes"), (.fallsSilent, "timeout at auth, closes"),
            ])
        + rows(
            .mail,
            [
                (.say(421), "refused 421 at mail, closes"), (.say(451), "refused 451 at mail"), (.say(552), "refused 552 at mail"),
                (.say(354), "protocolViolation at mail, closes"), (.closes, "closed at mail, closes"),
                (.fallsSilent, "timeout at mail, closes"), (.talksNonsense, "protocolViolation at mail, closes"),
            ])
        + rows(
            .rcpt,
            [
                (.say(421), "refused 421 at rcpt, closes"), (.say(451), "refused 451 at rcpt"), (.say(550), "refused 550 at rcpt"),
                (.say(354), "protocolViolation at rcpt, closes"), (.closes, "closed at rcpt, closes"),
                (.fallsSilent, "timeout at rcpt, closes"),
            ])
        + rows(
            .data,
            [
                (.say(421), "refused 421 at data, closes"), (.say(451), "refused 451 at data"), (.say(554), "refused 554 at data"),
                (.say(250), "protocolViolation at data, closes"), (.closes, "closed at data, closes"),
                (.fallsSilent, "timeout at data, closes"),
            ])
        // Nothing was handed over before the final dot, whatever part of the message is out.
        + rows(
            .body,
            [
                (.say(421), "refused 421 at body, closes"), (.say(552), "refused 552 at body, closes"),
                (.say(451), "refused 451 at body, closes"),
                (.say(250), "protocolViolation at body, closes"), (.closes, "closed at body, closes"),
                (.fallsSilent, "timeout at body, closes"), (.talksNonsense, "protocolViolation at body, closes"),
            ])
        // After it every end without a verdict leaves doubt.
        + rows(
            .finalDot,
            [
                (.say(250), "accepted"), (.say(251), "accepted"), (.say(252), "accepted"), (.say(451), "refused 451 at finalDot"),
                (.say(554), "refused 554 at finalDot"), (.say(552), "refused 552 at finalDot"),
                (.say(421), "refused 421 at finalDot, closes"), (.say(354), "protocolViolation at finalDot, closes"),
                (.closes, "closed at finalDot, closes"), (.fallsSilent, "timeout at finalDot, closes"),
                (.talksNonsense, "protocolViolation at finalDot, closes"),
            ])

    private static func rows(_ phase: MailPhase, _ cells: [(Input, String)]) -> [Row] {
        cells.map { Row(phase: phase, input: $0.0, expected: $0.1) }
    }

    @Test(arguments: rows) func behaviour(_ row: Row) throws {
        var dialogue = try Self.dialogue(at: row.phase)
        #expect(dialogue.session.phase == row.phase)
        #expect(dialogue.take(row.input).summary == row.expected)
    }

    /// The same with a server that takes the whole envelope at once: a verdict waits for the replies that are still to come.
    @Test(arguments: rows.filter { [.mail, .rcpt, .data, .body, .finalDot].contains($0.phase) }) func behaviourPipelined(_ row: Row) throws
    {
        var dialogue = try Self.dialogue(at: row.phase, "PIPELINING")
        var last = dialogue.take(row.input)
        while last == .wait { last = dialogue.say(503) }
        #expect(last.summary == row.expected)
    }

    @Test func everyPhaseButConnectingIsInTheTable() {
        #expect(Set(Self.rows.map(\.phase)) == Set(MailPhase.allCases).subtracting([.connect]))
    }

    /// In doubt if and only if the final dot is out and no verdict came.
    @Test(arguments: rows) func doubtIsInTheLastPhaseAlone(_ row: Row) throws {
        var dialogue = try Self.dialogue(at: row.phase)
        guard case .finish(.failed(_, let phase), _) = dialogue.take(row.input) else { return }
        #expect((phase == .finalDot) == (row.phase == .finalDot))
    }

    /// On a connection that was kept: what ends it before the reply to MAIL is no news of this mail.
    @Test(arguments: [Input.say(421), .closes]) func aKeptConnectionThatHadDiedBetweenMessages(input: Input) throws {
        for capabilities in [[], ["PIPELINING"]] {
            var dialogue = Dialogue.opened(with: capabilities)
            try dialogue.deliver()
            _ = try dialogue.begin("c@x")
            #expect(dialogue.take(input) == .stale)
        }
    }

    @Test(arguments: [
        (MailPhase.rcpt, "closed at rcpt, closes"), (.data, "closed at data, closes"), (.finalDot, "closed at finalDot, closes"),
    ])
    func aKeptConnectionThatDiesLater(phase: MailPhase, expected: String) throws {
        var dialogue = try Self.dialogue(at: phase, served: 1)
        #expect(dialogue.take(.closes).summary == expected)
    }

    // MARK: - Roads to each phase

    private static func dialogue(at phase: MailPhase, _ capabilities: String..., served: Int = 0) throws -> Dialogue {
        switch phase {
        case .connect: return Dialogue()
        case .greeting:
            var dialogue = Dialogue()
            _ = dialogue.session.connected()
            return dialogue
        case .ehlo:
            var dialogue = Dialogue()
            _ = dialogue.session.connected()
            _ = dialogue.say(220)
            return dialogue
        case .startTLS, .tls, .auth:
            var dialogue = Dialogue(security: .starttls, credentials: Dialogue.credentials)
            _ = dialogue.session.connected()
            _ = dialogue.say(220)
            _ = dialogue.ehlo(["STARTTLS"])
            if phase == .startTLS { return dialogue }
            _ = dialogue.say(220)
            if phase == .tls { return dialogue }
            _ = dialogue.session.tlsEstablished()
            _ = dialogue.ehlo(["AUTH PLAIN"])
            return dialogue
        case .mail, .rcpt, .data, .body, .finalDot:
            var dialogue = Dialogue.opened(with: capabilities)
            for _ in 0..<served { try dialogue.deliver() }
            _ = try dialogue.begin("b@x")
            let steps: [MailPhase: Int] = [.mail: 0, .rcpt: 1, .data: 2]
            for _ in 0..<(steps[phase] ?? 2) { _ = dialogue.say(250) }
            if phase == .body || phase == .finalDot { _ = dialogue.say(354) }
            if phase == .finalDot { _ = dialogue.session.bodySent() }
            return dialogue
        }
    }
}

extension Dialogue {
    fileprivate mutating func take(_ input: SMTPServerBehaviourTests.Input) -> SMTPAction {
        switch input {
        case .say(let code, let enhanced):
            session.received(SMTPReply(code: code, enhanced: SMTPReply.EnhancedCode(enhanced), lines: [enhanced]))
        case .closes: session.closed()
        case .fallsSilent: session.timedOut()
        case .talksNonsense: session.violated("nonsense")
        }
    }
}

extension SMTPAction {
    /// The result of a finished transaction in a few words; the action itself for any other.
    fileprivate var summary: String {
        guard case .finish(let result, let closes) = self else { return "\(self)" }
        return result.summary + (closes ? ", closes" : "")
    }
}
