import AdapterKit
import Testing

@testable import EmailAdapter

/// Each kind of reply that mail servers give, and what it means for the delivery.
@Suite struct SMTPReplyRowsTests {
    /// One kind of reply, with examples: phase, codes, words, and the outcome in short.
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var examples: [(MailPhase, String, words: String, expected: String)]
        var testDescription: String { name }
    }

    static let rows: [Row] = [
        Row(
            name: "421 before the dot is the server's own fault, in whatever phase",
            examples: [
                (.greeting, "421", "", "throttled provider_unavailable"),
                (.ehlo, "421 4.3.2", "", "throttled provider_unavailable"),
                (.startTLS, "421", "", "throttled provider_unavailable"),
                (.auth, "421 4.3.2", "", "throttled provider_unavailable"),
                (.mail, "421", "", "throttled provider_unavailable"),
                (.rcpt, "421", "", "throttled provider_unavailable"),
                (.data, "421 4.3.0", "", "throttled provider_unavailable"),
                (.body, "421", "", "throttled provider_unavailable"),
            ]),
        Row(
            name: "421 after the dot",
            examples: [
                (.finalDot, "421", "", "throttled provider_unavailable"),
                (.finalDot, "421 4.7.28", "", "throttled throttled"),
            ]),
        Row(
            name: "421 4.7.z asks for less",
            examples: [
                (.mail, "421 4.7.0", "", "throttled throttled"),
                (.rcpt, "421 4.7.0", "", "throttled throttled"),
            ]),
        Row(
            name: "a greeting with 4yz",
            examples: [
                (.greeting, "450", "", "throttled provider_unavailable"),
                (.greeting, "454 4.7.1", "", "throttled provider_unavailable"),
            ]),
        Row(
            name: "a greeting with 554, 521 or 556: not us, or nobody",
            examples: [
                (.greeting, "554", "", "channelFault policy"),
                (.greeting, "521", "", "channelFault configuration"),
                (.greeting, "556", "", "channelFault configuration"),
            ]),
        Row(
            name: "EHLO or STARTTLS refused",
            examples: [
                (.ehlo, "502 5.5.1", "", "channelFault configuration"),
                (.ehlo, "550", "", "channelFault configuration"),
                (.startTLS, "501", "", "channelFault configuration"),
                (.startTLS, "454 4.7.0", "", "throttled provider_unavailable"),
            ]),
        Row(
            name: "greylisted, by code or by words",
            examples: [
                (.rcpt, "450 4.7.1", "", "throttled throttled 300"),
                (.rcpt, "451 4.7.1", "Greylisted, try again in 120 seconds", "throttled throttled 120"),
                (.rcpt, "450 4.2.0", "", "throttled throttled 300"),
                (.rcpt, "451", "Please try again later", "throttled throttled 300"),
                (.rcpt, "450 4.3.2", "greylisting in action, come back in 00:04:57", "throttled throttled 297"),
            ]),
        Row(
            name: "4.2.1: the mailbox receives too fast",
            examples: [
                (.rcpt, "450 4.2.1", "", "throttled throttled")
            ]),
        Row(
            name: "4.7.28 and Microsoft's 4.7.500 to 4.7.699: less of it",
            examples: [
                (.finalDot, "450 4.7.28", "", "throttled throttled"),
                (.mail, "451 4.7.500", "", "throttled throttled"),
                (.finalDot, "451 4.7.650", "", "throttled throttled"),
                (.rcpt, "451 4.7.699", "", "throttled throttled"),
            ]),
        Row(
            name: "4.5.3: too many recipients, said of our only one",
            examples: [
                (.rcpt, "452 4.5.3", "", "throttled throttled 60")
            ]),
        Row(
            name: "452 without a code",
            examples: [
                (.rcpt, "452", "", "deferred provider_unavailable")
            ]),
        Row(
            name: "4.3.z: the server's disk or system",
            examples: [
                (.finalDot, "452 4.3.1", "", "deferred provider_unavailable"),
                (.mail, "452 4.3.1", "", "deferred provider_unavailable"),
                (.finalDot, "451 4.3.0", "", "deferred provider_unavailable"),
                (.rcpt, "450 4.3.2", "try again later", "deferred provider_unavailable"),
            ]),
        Row(
            name: "4.2.2 and 5.2.2: a full mailbox is not a dead one",
            examples: [
                (.rcpt, "452 4.2.2", "", "deferred recipient_invalid 3600"),
                (.rcpt, "552 5.2.2", "", "deferred recipient_invalid 3600"),
                (.finalDot, "552 5.2.2", "", "deferred recipient_invalid 3600"),
                (.rcpt, "552", "", "deferred recipient_invalid 3600"),
                (.rcpt, "550", "Mailbox full, over quota", "deferred recipient_invalid 3600"),
            ]),
        Row(
            name: "5.1.1, 5.1.6 and 5.1.10 at RCPT: the address is dead",
            examples: [
                (.rcpt, "550 5.1.1", "", "rejected recipient_invalid deadEndpoint"),
                (.rcpt, "550 5.1.6", "", "rejected recipient_invalid deadEndpoint"),
                (.rcpt, "556 5.1.10", "", "rejected recipient_invalid deadEndpoint"),
            ]),
        Row(
            name: "550 without a code is a dead address at RCPT alone",
            examples: [
                (.rcpt, "550", "", "rejected recipient_invalid deadEndpoint"),
                (.finalDot, "550", "", "rejected policy message"),
                (.data, "550", "", "rejected policy message"),
                (.mail, "550", "", "channelFault policy"),
            ]),
        Row(
            name: "5.1.1 after RCPT suppresses nothing",
            examples: [
                (.finalDot, "550 5.1.1", "", "rejected recipient_invalid endpoint")
            ]),
        Row(
            name: "551: moved",
            examples: [
                (.rcpt, "551", "", "rejected recipient_invalid endpoint")
            ]),
        Row(
            name: "5.1.2, 5.1.3 and 553 at RCPT: the domain or the form is wrong",
            examples: [
                (.rcpt, "550 5.1.2", "", "rejected recipient_invalid endpoint"),
                (.rcpt, "553 5.1.3", "", "rejected recipient_invalid endpoint"),
                (.rcpt, "553", "", "rejected recipient_invalid endpoint"),
            ]),
        Row(
            name: "521 and 556 at RCPT: the domain takes no mail",
            examples: [
                (.rcpt, "521", "", "rejected recipient_invalid endpoint"),
                (.rcpt, "556", "", "rejected recipient_invalid endpoint"),
            ]),
        Row(
            name: "5.1.7, 5.1.8, and 501 or 553 at MAIL: our sender",
            examples: [
                (.mail, "501 5.1.7", "", "channelFault configuration"),
                (.mail, "550 5.1.8", "", "channelFault configuration"),
                (.rcpt, "550 5.1.8", "", "channelFault configuration"),
                (.mail, "501", "", "channelFault configuration"),
                (.mail, "553", "", "channelFault configuration"),
                (.mail, "553 5.7.1", "", "channelFault configuration"),
                (.rcpt, "553 5.7.1", "<a@b>: Sender address rejected: not owned by user", "channelFault configuration"),
                (.mail, "550 5.7.1", "", "channelFault policy"),
            ]),
        Row(
            name: "5.2.1 and 5.7.13: a disabled account",
            examples: [
                (.rcpt, "550 5.2.1", "", "rejected recipient_invalid endpoint"),
                (.rcpt, "525 5.7.13", "", "rejected recipient_invalid endpoint"),
            ]),
        Row(
            name: "5.2.3, 5.3.4 and 552: too large",
            examples: [
                (.mail, "552 5.3.4", "", "rejected content_rejected message"),
                (.mail, "552", "", "rejected content_rejected message"),
                (.finalDot, "552 5.2.3", "", "rejected content_rejected message"),
                (.finalDot, "552 5.3.4", "", "rejected content_rejected message"),
                (.finalDot, "552", "", "rejected content_rejected message"),
            ]),
        Row(
            name: "5.4.1 and 5.4.4: no way there, or Microsoft's edge",
            examples: [
                (.rcpt, "550 5.4.1", "", "deferred recipient_invalid 3600"),
                (.rcpt, "550 5.4.4", "", "deferred recipient_invalid 3600"),
            ]),
        Row(
            name: "5.4.5: Gmail's daily limit",
            examples: [
                (.finalDot, "550 5.4.5", "", "throttled throttled 3600")
            ]),
        Row(
            name: "5.4.6: in a circle",
            examples: [
                (.finalDot, "554 5.4.6", "", "rejected policy message")
            ]),
        Row(
            name: "5.5.z, 500 to 504 and 555: we are not understood",
            examples: [
                (.mail, "503 5.5.1", "", "channelFault configuration"),
                (.mail, "500", "", "channelFault configuration"),
                (.mail, "555", "", "channelFault configuration"),
                (.data, "503 5.5.1", "", "rejected internal message"),
                (.rcpt, "503", "", "rejected internal message"),
                (.rcpt, "555", "", "rejected internal message"),
            ]),
        Row(
            name: "5.6.z: the form of the message",
            examples: [
                (.finalDot, "554 5.6.0", "", "rejected content_rejected message"),
                (.rcpt, "553 5.6.7", "", "rejected content_rejected message"),
                (.finalDot, "554 5.6.9", "", "rejected content_rejected message"),
            ]),
        Row(
            name: "5.7.0 and 5.7.1 at RCPT are about us, and never suppress",
            examples: [
                (.rcpt, "550 5.7.1", "", "rejected policy message"),
                (.rcpt, "550 5.7.0", "", "rejected policy message"),
                (.rcpt, "554", "", "rejected policy message"),
                (.rcpt, "550", "Your IP is listed at spam.example", "rejected policy message"),
            ]),
        Row(
            name: "relaying denied",
            examples: [
                (.rcpt, "554 5.7.1", "<a@b>: Relay access denied", "channelFault configuration"),
                (.rcpt, "550", "we do not relay: Unable to relay", "channelFault configuration"),
            ]),
        Row(
            name: "5.7.1, 554 and 550 after the dot: content",
            examples: [
                (.finalDot, "554 5.7.1", "", "rejected policy message"),
                (.finalDot, "554", "", "rejected policy message"),
                (.data, "554", "", "rejected policy message"),
            ]),
        Row(
            name: "5.7.8, 5.7.9, 5.7.11, 530, 534, 535 and 538: the login",
            examples: [
                (.auth, "535 5.7.8", "", "channelFault authentication"),
                (.auth, "534 5.7.9", "", "channelFault authentication"),
                (.auth, "538 5.7.11", "", "channelFault authentication"),
                (.auth, "535", "", "channelFault authentication"),
                (.mail, "530 5.7.0", "", "channelFault authentication"),
                (.mail, "530", "", "channelFault authentication"),
                (.rcpt, "530 5.7.1", "", "channelFault authentication"),
                (.auth, "504 5.5.4", "", "channelFault configuration"),
            ]),
        Row(
            name: "454 4.7.0 and 4.7.12 at AUTH pass",
            examples: [
                (.auth, "454 4.7.0", "", "throttled provider_unavailable"),
                (.auth, "432 4.7.12", "", "throttled provider_unavailable"),
            ]),
        Row(
            name: "5.7.20 to 5.7.30 and 5.7.515: our domain is not authenticated",
            examples: [
                (.finalDot, "550 5.7.20", "", "channelFault policy"),
                (.finalDot, "550 5.7.21", "", "channelFault policy"),
                (.finalDot, "550 5.7.22", "", "channelFault policy"),
                (.finalDot, "550 5.7.23", "", "channelFault policy"),
                (.finalDot, "550 5.7.24", "", "channelFault policy"),
                (.finalDot, "550 5.7.25", "", "channelFault policy"),
                (.finalDot, "550 5.7.26", "", "channelFault policy"),
                (.mail, "550 5.7.27", "", "channelFault policy"),
                (.finalDot, "550 5.7.29", "", "channelFault policy"),
                (.finalDot, "550 5.7.30", "", "channelFault policy"),
                (.finalDot, "550 5.7.515", "", "channelFault policy"),
            ]),
        Row(
            name: "5.7.28 and 5.7.60 stand among them and mean something else",
            examples: [
                (.finalDot, "550 5.7.28", "", "throttled throttled 3600"),
                (.finalDot, "554 5.7.60", "", "channelFault configuration"),
            ]),
        Row(
            name: "5.7.17 and 5.7.18: another owner",
            examples: [
                (.rcpt, "550 5.7.17", "", "rejected recipient_invalid endpoint"),
                (.rcpt, "550 5.7.18", "", "rejected recipient_invalid endpoint"),
            ]),
        Row(
            name: "codes whose classes disagree: the basic one is believed",
            examples: [
                (.rcpt, "550 4.1.1", "", "rejected recipient_invalid deadEndpoint"),
                (.rcpt, "450 5.1.1", "", "deferred provider_unavailable"),
            ]),
        Row(
            name: "4yz that nobody told us about",
            examples: [
                (.rcpt, "499", "", "deferred provider_unavailable"),
                (.rcpt, "451", "", "deferred provider_unavailable"),
                (.rcpt, "450 4.1.1", "", "deferred recipient_invalid"),
                (.rcpt, "450 4.7.25", "", "deferred policy"),
            ]),
        Row(
            name: "5yz that nobody told us about",
            examples: [
                (.rcpt, "599 5.9.9", "", "rejected policy message")
            ]),
        Row(
            name: "replies that no phase allows",
            examples: [
                (.rcpt, "354", "", "deferred provider_unavailable"),
                (.finalDot, "252", "", "deferred provider_unavailable"),
            ]),
    ]

    @Test(arguments: rows) func meaning(of row: Row) {
        for (phase, codes, words, expected) in row.examples {
            let outcome = SMTPReplyTable.outcome(of: SMTPReplyTableTests.reply(codes, words), in: phase)
            #expect(SMTPReplyTableTests.show(outcome) == expected, "\(codes) \(words) at \(phase)")
        }
    }

    /// Only what the contract names suppresses an address by itself.
    @Test func nothingElseSuppresses() {
        let dead = Self.rows.flatMap(\.examples).filter { $0.expected.hasSuffix("deadEndpoint") }.map { "\($0.1) at \($0.0)" }
        #expect(Set(dead) == ["550 5.1.1 at rcpt", "550 5.1.6 at rcpt", "556 5.1.10 at rcpt", "550 at rcpt", "550 4.1.1 at rcpt"])
    }
}
