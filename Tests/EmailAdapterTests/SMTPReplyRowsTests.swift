import AdapterKit
import Testing

@testable import EmailAdapter

/// Each kind of reply that mail servers give, and what it means for the delivery.
@Suite struct SMTPReplyRowsTests {
    /// A reply in a phase, the words that it came with, and the outcome in short.
    struct Example: Sendable {
        var phase: MailPhase
        var codes: String
        var words: String
        var expected: String

        init(_ phase: MailPhase, _ codes: String, _ expected: String) { self.init(phase, codes, "", expected) }

        init(_ phase: MailPhase, _ codes: String, _ words: String, _ expected: String) {
            self.phase = phase
            self.codes = codes
            self.words = words
            self.expected = expected
        }
    }

    /// One kind of reply.
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var examples: [Example]

        init(_ name: String, _ examples: Example...) {
            testDescription = name
            self.examples = examples
        }
    }

    static let rows: [Row] = [
        Row(
            "421 before the dot is the server's own fault, in whatever phase",
            .init(.greeting, "421", "throttled provider_unavailable"), .init(.ehlo, "421 4.3.2", "throttled provider_unavailable"),
            .init(.startTLS, "421", "throttled provider_unavailable"), .init(.auth, "421 4.3.2", "throttled provider_unavailable"),
            .init(.mail, "421", "throttled provider_unavailable"), .init(.rcpt, "421", "throttled provider_unavailable"),
            .init(.data, "421 4.3.0", "throttled provider_unavailable"), .init(.body, "421", "throttled provider_unavailable")),
        Row(
            "421 after the dot",
            .init(.finalDot, "421", "throttled provider_unavailable"), .init(.finalDot, "421 4.7.28", "throttled throttled")),
        Row(
            "421 4.7.z asks for less",
            .init(.mail, "421 4.7.0", "throttled throttled"), .init(.rcpt, "421 4.7.0", "throttled throttled")),
        Row(
            "a greeting with 4yz",
            .init(.greeting, "450", "throttled provider_unavailable"), .init(.greeting, "454 4.7.1", "throttled provider_unavailable")),
        Row(
            "a greeting with 554, 521 or 556: not us, or nobody",
            .init(.greeting, "554", "channelFault policy"), .init(.greeting, "521", "channelFault configuration"),
            .init(.greeting, "556", "channelFault configuration")),
        Row(
            "EHLO or STARTTLS refused",
            .init(.ehlo, "502 5.5.1", "channelFault configuration"), .init(.ehlo, "550", "channelFault configuration"),
            .init(.startTLS, "501", "channelFault configuration"), .init(.startTLS, "454 4.7.0", "throttled provider_unavailable")),
        Row(
            "greylisted, by code or by words",
            .init(.rcpt, "450 4.7.1", "throttled throttled 300"),
            .init(.rcpt, "451 4.7.1", "Greylisted, try again in 120 seconds", "throttled throttled 120"),
            .init(.rcpt, "450 4.2.0", "throttled throttled 300"),
            .init(.rcpt, "451", "Please try again later", "throttled throttled 300"),
            .init(.rcpt, "450 4.3.2", "greylisting in action, come back in 00:04:57", "throttled throttled 297")),
        Row(
            "4.2.1: the mailbox receives too fast",
            .init(.rcpt, "450 4.2.1", "throttled throttled")),
        Row(
            "4.7.28 and Microsoft's 4.7.500 to 4.7.699: less of it",
            .init(.finalDot, "450 4.7.28", "throttled throttled"), .init(.mail, "451 4.7.500", "throttled throttled"),
            .init(.finalDot, "451 4.7.650", "throttled throttled"), .init(.rcpt, "451 4.7.699", "throttled throttled")),
        Row(
            "4.5.3: too many recipients, said of our only one",
            .init(.rcpt, "452 4.5.3", "throttled throttled 60")),
        Row(
            "452 without a code",
            .init(.rcpt, "452", "deferred provider_unavailable")),
        Row(
            "4.3.z: the server's disk or system",
            .init(.finalDot, "452 4.3.1", "deferred provider_unavailable"), .init(.mail, "452 4.3.1", "deferred provider_unavailable"),
            .init(.finalDot, "451 4.3.0", "deferred provider_unavailable"),
            .init(.rcpt, "450 4.3.2", "try again later", "deferred provider_unavailable")),
        Row(
            "4.2.2 and 5.2.2: a full mailbox is not a dead one",
            .init(.rcpt, "452 4.2.2", "deferred recipient_invalid 3600"), .init(.rcpt, "552 5.2.2", "deferred recipient_invalid 3600"),
            .init(.finalDot, "552 5.2.2", "deferred recipient_invalid 3600"), .init(.rcpt, "552", "deferred recipient_invalid 3600"),
            .init(.rcpt, "550", "Mailbox full, over quota", "deferred recipient_invalid 3600")),
        Row(
            "5.1.1, 5.1.6 and 5.1.10 at RCPT: the address is dead",
            .init(.rcpt, "550 5.1.1", "rejected recipient_invalid deadEndpoint"),
            .init(.rcpt, "550 5.1.6", "rejected recipient_invalid deadEndpoint"),
            .init(.rcpt, "556 5.1.10", "rejected recipient_invalid deadEndpoint")),
        Row(
            "550 without a code is a dead address at RCPT alone",
            .init(.rcpt, "550", "rejected recipient_invalid deadEndpoint"), .init(.finalDot, "550", "rejected policy message"),
            .init(.data, "550", "rejected policy message"), .init(.mail, "550", "channelFault policy")),
        Row(
            "5.1.1 after RCPT suppresses nothing",
            .init(.finalDot, "550 5.1.1", "rejected recipient_invalid endpoint")),
        Row(
            "551: moved",
            .init(.rcpt, "551", "rejected recipient_invalid endpoint")),
        Row(
            "5.1.2, 5.1.3 and 553 at RCPT: the domain or the form is wrong",
            .init(.rcpt, "550 5.1.2", "rejected recipient_invalid endpoint"),
            .init(.rcpt, "553 5.1.3", "rejected recipient_invalid endpoint"),
            .init(.rcpt, "553", "rejected recipient_invalid endpoint")),
        Row(
            "521 and 556 at RCPT: the domain takes no mail",
            .init(.rcpt, "521", "rejected recipient_invalid endpoint"), .init(.rcpt, "556", "rejected recipient_invalid endpoint")),
        Row(
            "5.1.7, 5.1.8, and 501 or 553 at MAIL: our sender",
            .init(.mail, "501 5.1.7", "channelFault configuration"), .init(.mail, "550 5.1.8", "channelFault configuration"),
            .init(.rcpt, "550 5.1.8", "channelFault configuration"), .init(.mail, "501", "channelFault configuration"),
            .init(.mail, "553", "channelFault configuration"), .init(.mail, "553 5.7.1", "channelFault configuration"),
            .init(.rcpt, "553 5.7.1", "<a@b>: Sender address rejected: not owned by user", "channelFault configuration"),
            .init(.mail, "550 5.7.1", "channelFault policy")),
        Row(
            "5.2.1 and 5.7.13: a disabled account",
            .init(.rcpt, "550 5.2.1", "rejected recipient_invalid endpoint"),
            .init(.rcpt, "525 5.7.13", "rejected recipient_invalid endpoint")),
        Row(
            "5.2.3, 5.3.4 and 552: too large",
            .init(.mail, "552 5.3.4", "rejected content_rejected size"), .init(.mail, "552", "rejected content_rejected size"),
            .init(.finalDot, "552 5.2.3", "rejected content_rejected size"),
            .init(.finalDot, "552 5.3.4", "rejected content_rejected size"),
            .init(.finalDot, "552", "rejected content_rejected size")),
        Row(
            "5.4.1 and 5.4.4: no way there, or Microsoft's edge",
            .init(.rcpt, "550 5.4.1", "deferred recipient_invalid 3600"), .init(.rcpt, "550 5.4.4", "deferred recipient_invalid 3600")),
        Row(
            "5.4.5: Gmail's daily limit",
            .init(.finalDot, "550 5.4.5", "throttled throttled 3600")),
        Row(
            "5.4.6: in a circle",
            .init(.finalDot, "554 5.4.6", "rejected policy message")),
        Row(
            "5.5.z, 500 to 504 and 555: we are not understood",
            .init(.mail, "503 5.5.1", "channelFault configuration"), .init(.mail, "500", "channelFault configuration"),
            .init(.mail, "555", "channelFault configuration"), .init(.data, "503 5.5.1", "rejected internal message"),
            .init(.rcpt, "503", "rejected internal message"), .init(.rcpt, "555", "rejected internal message")),
        Row(
            "5.6.z: the form of the message",
            .init(.finalDot, "554 5.6.0", "rejected content_rejected message"),
            .init(.rcpt, "553 5.6.7", "rejected content_rejected message"),
            .init(.finalDot, "554 5.6.9", "rejected content_rejected message")),
        Row(
            "5.7.0 and 5.7.1 at RCPT are about us, and never suppress",
            .init(.rcpt, "550 5.7.1", "rejected policy message"), .init(.rcpt, "550 5.7.0", "rejected policy message"),
            .init(.rcpt, "554", "rejected policy message"),
            .init(.rcpt, "550", "Your IP is listed at spam.example", "rejected policy message")),
        Row(
            "relaying denied",
            .init(.rcpt, "554 5.7.1", "<a@b>: Relay access denied", "channelFault configuration"),
            .init(.rcpt, "550", "we do not relay: Unable to relay", "channelFault configuration")),
        Row(
            "5.7.1, 554 and 550 after the dot: content",
            .init(.finalDot, "554 5.7.1", "rejected policy message"), .init(.finalDot, "554", "rejected policy message"),
            .init(.data, "554", "rejected policy message")),
        Row(
            "5.7.8, 5.7.9, 5.7.11, 530, 534, 535 and 538: the login",
            .init(.auth, "535 5.7.8", "channelFault authentication"), .init(.auth, "534 5.7.9", "channelFault authentication"),
            .init(.auth, "538 5.7.11", "channelFault authentication"), .init(.auth, "535", "channelFault authentication"),
            .init(.mail, "530 5.7.0", "channelFault authentication"), .init(.mail, "530", "channelFault authentication"),
            .init(.rcpt, "530 5.7.1", "channelFault authentication"), .init(.auth, "504 5.5.4", "channelFault configuration")),
        Row(
            "454 4.7.0 and 4.7.12 at AUTH pass",
            .init(.auth, "454 4.7.0", "throttled provider_unavailable"), .init(.auth, "432 4.7.12", "throttled provider_unavailable")),
        Row(
            "5.7.20 to 5.7.30 and 5.7.515: our domain is not authenticated",
            .init(.finalDot, "550 5.7.20", "channelFault policy"), .init(.finalDot, "550 5.7.21", "channelFault policy"),
            .init(.finalDot, "550 5.7.22", "channelFault policy"), .init(.finalDot, "550 5.7.23", "channelFault policy"),
            .init(.finalDot, "550 5.7.24", "channelFault policy"), .init(.finalDot, "550 5.7.25", "channelFault policy"),
            .init(.finalDot, "550 5.7.26", "channelFault policy"), .init(.mail, "550 5.7.27", "channelFault policy"),
            .init(.finalDot, "550 5.7.29", "channelFault policy"), .init(.finalDot, "550 5.7.30", "channelFault policy"),
            .init(.finalDot, "550 5.7.515", "channelFault policy")),
        Row(
            "5.7.28 and 5.7.60 stand among them and mean something else",
            .init(.finalDot, "550 5.7.28", "throttled throttled 3600"), .init(.finalDot, "554 5.7.60", "channelFault configuration")),
        Row(
            "5.7.17 and 5.7.18: another owner",
            .init(.rcpt, "550 5.7.17", "rejected recipient_invalid endpoint"),
            .init(.rcpt, "550 5.7.18", "rejected recipient_invalid endpoint")),
        Row(
            "codes whose classes disagree: the basic one is believed",
            .init(.rcpt, "550 4.1.1", "rejected recipient_invalid deadEndpoint"),
            .init(.rcpt, "450 5.1.1", "deferred provider_unavailable")),
        Row(
            "4yz that nobody told us about",
            .init(.rcpt, "499", "deferred provider_unavailable"), .init(.rcpt, "451", "deferred provider_unavailable"),
            .init(.rcpt, "450 4.1.1", "deferred recipient_invalid"), .init(.rcpt, "450 4.7.25", "deferred policy")),
        Row(
            "5yz that nobody told us about",
            .init(.rcpt, "599 5.9.9", "rejected policy message")),
        Row(
            "replies that no phase allows",
            .init(.rcpt, "354", "deferred provider_unavailable"), .init(.finalDot, "252", "deferred provider_unavailable")),
    ]

    @Test(arguments: rows) func meaning(of row: Row) {
        for example in row.examples {
            let outcome = SMTPReplyTable.outcome(of: SMTPReplyTableTests.reply(example.codes, example.words), in: example.phase)
            #expect(SMTPReplyTableTests.show(outcome) == example.expected, "\(example)")
        }
    }

    /// Only what the contract names suppresses an address by itself.
    @Test func nothingElseSuppresses() {
        let dead = Self.rows.flatMap(\.examples).filter { $0.expected.hasSuffix("deadEndpoint") }.map { "\($0.codes) at \($0.phase)" }
        #expect(Set(dead) == ["550 5.1.1 at rcpt", "550 5.1.6 at rcpt", "556 5.1.10 at rcpt", "550 at rcpt", "550 4.1.1 at rcpt"])
    }
}
