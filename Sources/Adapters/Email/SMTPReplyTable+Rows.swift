import AdapterKit

// The rows stand in order: the first that fits decides. Enhanced codes are those of the IANA registry (RFC 5248); where a provider gives one a
// meaning of its own, the row says whose.

extension SMTPReplyTable {

    /// Nothing of this message was said yet: the answer is about the account.
    private static let handshake: Set<MailPhase> = [.connect, .tls, .greeting, .ehlo, .startTLS]
    private static let transaction: Set<MailPhase> = [.mail, .rcpt, .data, .body, .finalDot]
    private static let content: Set<MailPhase> = [.data, .body, .finalDot]
    private static let afterSender: Set<MailPhase> = [.rcpt, .data, .body, .finalDot]
    private static let everywhere = Set(MailPhase.allCases)

    private static func enhanced(
        _ class: Int, _ subject: Int?, _ details: [ClosedRange<Int>] = [], in phases: Set<MailPhase>, code: ClosedRange<Int>? = nil,
        words: [String] = [],
        _ verdict: Verdict, _ summary: String
    ) -> Row {
        Row(
            phases: phases, codes: code ?? (`class` * 100)...(`class` * 100 + 99),
            enhanced: EnhancedPattern(class: `class`, subject: subject, details: details),
            words: words, verdict: verdict, summary: summary)
    }

    private static func basic(
        _ codes: ClosedRange<Int>, in phases: Set<MailPhase>, words: [String] = [], _ verdict: Verdict, _ summary: String
    ) -> Row {
        Row(phases: phases, codes: codes, enhanced: nil, words: words, verdict: verdict, summary: summary)
    }

    private static let greylistWords = ["greylist", "graylist", "grey-list", "gray-list", "grey list"]
    private static let relayWords = [
        "relay access denied", "relaying denied", "relay denied", "relay not permitted", "unable to relay", "not permitted to relay",
    ]
    private static let senderWords = ["sender address rejected", "not owned by user", "sender rejected", "not allowed to send as"]
    private static let fullWords = ["quota", "mailbox full", "mailbox is full", "over limit"]
    private static let policyWords = [
        "spam", "blocked", "blacklist", "block list", "blocklist", "denylist", "policy", "reputation", "spf", "dkim", "dmarc",
    ]
    private static let rateWords = ["too many", "rate limit", "too fast", "too quickly"]

    // MARK: - By enhanced code

    static let enhancedRows: [Row] = [
        // RFC 5321, section 3.8: with 421 the server closes, whatever it was asked; that is nobody's fault but its own.
        enhanced(4, 7, in: everywhere, code: 421...421, .throttled(.throttled), "The mail server takes less mail from us for now."),
        enhanced(4, nil, in: everywhere, code: 421...421, .throttled(.providerUnavailable), "The mail server is not available for now."),

        // Before MAIL every refusal is about the account.
        enhanced(4, nil, in: handshake.union([.auth]), .throttled(.providerUnavailable), "The mail server is not available for now."),
        enhanced(5, 5, in: [.auth], .channelFault(.configuration), "The mail server does not understand our login."),
        enhanced(5, nil, in: [.auth], .channelFault(.authentication), "The mail server refused our login."),
        enhanced(5, 7, [8...9, 11...11], in: everywhere, .channelFault(.authentication), "The mail server refused our login."),
        enhanced(
            5, nil, in: everywhere, code: 530...530, .channelFault(.authentication), "The mail server wants a login or encryption first."),
        enhanced(5, nil, in: everywhere, code: 534...535, .channelFault(.authentication), "The mail server refused our login."),
        enhanced(
            5, nil, in: everywhere, code: 538...538, .channelFault(.authentication), "The mail server wants encryption before a login."),

        // Words that tell whose fault a general code is.
        enhanced(
            5, nil, in: transaction, words: relayWords, .channelFault(.configuration), "The mail server does not relay for this account."),
        enhanced(
            5, 7, [0...1], in: [.mail, .rcpt], words: senderWords, .channelFault(.configuration),
            "The mail server refuses our sender address."),
        enhanced(
            4, nil, in: afterSender, code: 450...451, words: greylistWords, .throttled(.throttled, wait: .seconds(300)),
            "Greylisted: asked to come back later."),

        // Addresses (X.1.Z).
        enhanced(5, 1, [7...8], in: transaction, .channelFault(.configuration), "The mail server refuses our sender address."),
        enhanced(5, 1, [1...1, 6...6, 10...10], in: [.rcpt], .rejected(.recipientInvalid, .deadEndpoint), "The address does not exist."),
        enhanced(5, 1, in: afterSender, .rejected(.recipientInvalid, .endpoint), "The address cannot receive mail."),
        enhanced(4, 1, [7...8], in: transaction, .deferred(.configuration), "The mail server cannot verify our sender address for now."),
        enhanced(4, 1, in: afterSender, .deferred(.recipientInvalid), "The address cannot be verified for now."),

        // Mailboxes (X.2.Z).
        enhanced(
            4, 2, [0...0], in: [.rcpt], code: 450...451, .throttled(.throttled, wait: .seconds(300)),
            "Greylisted: asked to come back later."),
        // Gmail: 4.2.1 is a mailbox that receives too fast, 5.2.1 a suspended one.
        enhanced(4, 2, [1...1], in: transaction, .throttled(.throttled), "The mailbox receives too much mail at once."),
        enhanced(4, 2, [2...2], in: transaction, .deferred(.recipientInvalid, wait: .seconds(3600)), "The mailbox is full."),
        enhanced(5, 2, [2...2], in: transaction, .deferred(.recipientInvalid, wait: .seconds(3600)), "The mailbox is full."),
        enhanced(5, 2, [3...3], in: transaction, .rejected(.contentRejected, .size), "The message is too large."),
        enhanced(5, 2, in: afterSender, .rejected(.recipientInvalid, .endpoint), "The mailbox does not take mail."),

        // Mail systems (X.3.Z).
        enhanced(4, 3, in: transaction, .deferred(.providerUnavailable), "The mail server cannot take mail for now."),
        enhanced(5, 3, [4...4], in: transaction, .rejected(.contentRejected, .size), "The message is too large."),

        // Routes (X.4.Z). Gmail: 5.4.5 is its daily limit. Microsoft: 5.4.1 is a recipient refused at the edge, also by mistake.
        enhanced(
            5, 4, [1...1, 4...4], in: transaction, .deferred(.recipientInvalid, wait: .seconds(3600)),
            "No way to the recipient's domain was found."),
        enhanced(
            5, 4, [5...5], in: transaction, .throttled(.throttled, wait: .seconds(3600)), "The account has used up its sending limit."),
        enhanced(5, 4, [6...6, 14...14], in: transaction, .rejected(.policy, .message), "The message runs in a circle."),
        enhanced(4, 4, in: transaction, .deferred(.providerUnavailable), "The mail server cannot reach the recipient's for now."),

        // Protocol (X.5.Z). We send one recipient at a time, so "too many" is about the connection.
        enhanced(
            4, 5, [3...3], in: transaction, .throttled(.throttled, wait: .seconds(60)), "The mail server takes no more recipients for now."),
        enhanced(5, 5, in: handshake.union([.mail]), .channelFault(.configuration), "The mail server does not understand us."),
        enhanced(5, 5, in: afterSender, .rejected(.internal, .message), "The mail server does not understand this transaction."),

        // Content (X.6.Z).
        enhanced(5, 6, in: transaction, .rejected(.contentRejected, .message), "The mail server refuses the form of the message."),
        enhanced(4, 6, in: transaction, .deferred(.contentRejected), "The mail server cannot take the form of the message for now."),

        // Security and policy (X.7.Z). Microsoft: 4.7.500–699 is throttling, 5.7.60 a sender that is not ours, 5.7.515 missing sender authentication.
        enhanced(4, 7, [28...28, 500...699], in: transaction, .throttled(.throttled), "The mail server takes less mail from us for now."),
        enhanced(
            4, 7, [1...1], in: transaction, code: 450...451, .throttled(.throttled, wait: .seconds(300)),
            "Greylisted: asked to come back later."),
        enhanced(4, 7, in: transaction, .deferred(.policy), "The mail server refuses this for now by its policy."),
        enhanced(
            5, 7, [28...28], in: transaction, .throttled(.throttled, wait: .seconds(3600)), "The mail server sees too much mail from us."),
        enhanced(
            5, 7, [20...30, 515...515], in: transaction, .channelFault(.policy),
            "The sender's domain is not authenticated (SPF, DKIM, DMARC or DNS)."),
        enhanced(5, 7, [60...60], in: transaction, .channelFault(.configuration), "The account may not send from our sender address."),
        enhanced(5, 7, [13...13], in: [.rcpt], .rejected(.recipientInvalid, .endpoint), "The recipient's account is disabled."),
        enhanced(5, 7, [17...18], in: [.rcpt], .rejected(.recipientInvalid, .endpoint), "The mailbox has another owner now."),
        enhanced(5, 7, in: afterSender, .rejected(.policy, .message), "The mail server refuses this message by its policy."),
    ]

    // MARK: - By basic code

    static let basicRows: [Row] = [
        basic(421...421, in: everywhere, .throttled(.providerUnavailable), "The mail server is not available for now."),
        basic(400...499, in: handshake.union([.auth]), .throttled(.providerUnavailable), "The mail server is not available for now."),

        // RFC 7504 for 521; 554 is RFC 5321's word at the greeting for "not you".
        basic(554...554, in: [.connect, .greeting], .channelFault(.policy), "The mail server does not take connections from us."),
        basic(500...599, in: handshake, .channelFault(.configuration), "The mail server does not take mail from us."),
        basic(500...504, in: [.auth], .channelFault(.configuration), "The mail server does not understand our login."),
        basic(500...599, in: [.auth], .channelFault(.authentication), "The mail server refused our login."),
        basic(530...530, in: everywhere, .channelFault(.authentication), "The mail server wants a login or encryption first."),
        basic(534...535, in: everywhere, .channelFault(.authentication), "The mail server refused our login."),
        basic(538...538, in: everywhere, .channelFault(.authentication), "The mail server wants encryption before a login."),

        basic(
            500...599, in: transaction, words: relayWords, .channelFault(.configuration), "The mail server does not relay for this account."
        ),
        basic(
            500...599, in: [.mail, .rcpt], words: senderWords, .channelFault(.configuration), "The mail server refuses our sender address."),
        basic(
            400...599, in: afterSender, words: greylistWords, .throttled(.throttled, wait: .seconds(300)),
            "Greylisted: asked to come back later."),
        basic(
            450...451, in: [.rcpt], words: ["try again"], .throttled(.throttled, wait: .seconds(300)),
            "Greylisted: asked to come back later."),
        basic(400...499, in: transaction, words: rateWords, .throttled(.throttled), "The mail server takes less mail from us for now."),

        // The sender alone was named: nothing here is about the recipient.
        basic(552...552, in: [.mail], .rejected(.contentRejected, .size), "The message is too large."),
        basic(501...501, in: [.mail], .channelFault(.configuration), "The mail server refuses our sender address."),
        basic(553...553, in: [.mail], .channelFault(.configuration), "The mail server refuses our sender address."),
        basic(500...504, in: [.mail], .channelFault(.configuration), "The mail server does not understand us."),
        basic(555...555, in: [.mail], .channelFault(.configuration), "The mail server does not understand us."),
        basic(500...599, in: [.mail], .channelFault(.policy), "The mail server takes no mail from our sender."),

        // The recipient. Words soften a bare 550: a full mailbox and a blocked sender are not a dead address.
        basic(552...552, in: [.rcpt], .deferred(.recipientInvalid, wait: .seconds(3600)), "The mailbox is full."),
        basic(550...550, in: [.rcpt], words: fullWords, .deferred(.recipientInvalid, wait: .seconds(3600)), "The mailbox is full."),
        basic(550...550, in: [.rcpt], words: rateWords, .deferred(.throttled), "The mail server takes less mail from us for now."),
        basic(
            550...550, in: [.rcpt], words: policyWords, .rejected(.policy, .message), "The mail server refuses this message by its policy."),
        basic(550...550, in: [.rcpt], .rejected(.recipientInvalid, .deadEndpoint), "The address does not exist."),
        basic(551...551, in: [.rcpt], .rejected(.recipientInvalid, .endpoint), "The mailbox has moved."),
        basic(553...553, in: [.rcpt], .rejected(.recipientInvalid, .endpoint), "The address cannot receive mail."),
        // RFC 7504: the domain takes no mail at all.
        basic(521...521, in: [.rcpt], .rejected(.recipientInvalid, .endpoint), "The recipient's domain takes no mail."),
        basic(556...556, in: [.rcpt], .rejected(.recipientInvalid, .endpoint), "The recipient's domain takes no mail."),
        basic(554...554, in: [.rcpt], .rejected(.policy, .message), "The mail server refuses this message by its policy."),

        // The content.
        basic(552...552, in: content, .rejected(.contentRejected, .size), "The message is too large."),
        basic(550...550, in: content, .rejected(.policy, .message), "The mail server refuses this message by its policy."),
        basic(554...554, in: content, .rejected(.policy, .message), "The mail server refuses this message by its policy."),
        basic(500...504, in: afterSender, .rejected(.internal, .message), "The mail server does not understand this transaction."),
        basic(555...555, in: afterSender, .rejected(.internal, .message), "The mail server does not understand this transaction."),

        basic(452...452, in: transaction, .deferred(.providerUnavailable), "The mail server has no room for now."),
        basic(400...499, in: everywhere, .deferred(.providerUnavailable), "The mail server cannot take it for now."),
        basic(500...599, in: everywhere, .rejected(.policy, .message), "The mail server refuses this message for good."),
    ]
}
