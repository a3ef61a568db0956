import AdapterKit
import Testing

@testable import SMTPTransport

/// The measured matrix of what servers do in a transaction, reply by reply.
@Suite struct SMTPSessionTransactionTests {
    private func recipients(_ pairs: (String, Int)...) -> [MailResult.RecipientReply] {
        pairs.map { .init(recipient: $0.0, reply: reply($0.1)) }
    }

    // MARK: - The good road

    @Test func oneByOne() throws {
        var dialogue = Dialogue.opened()
        #expect(try dialogue.begin("b@x", "c@x") == .send("MAIL FROM:<a@x>\r\n"))
        #expect(dialogue.say(250) == .send("RCPT TO:<b@x>\r\n"))
        #expect(dialogue.say(250) == .send("RCPT TO:<c@x>\r\n"))
        #expect(dialogue.say(251) == .send("DATA\r\n"))
        #expect(dialogue.say(354) == .sendBody)
        #expect(dialogue.session.phase == .body)
        #expect(dialogue.session.bodySent() == .wait)
        #expect(dialogue.session.phase == .finalDot)
        #expect(dialogue.say(250) == .finish(.accepted(reply(250), recipients: recipients(("b@x", 250), ("c@x", 251))), thenClose: false))
        #expect(try dialogue.begin("d@x") == .send("MAIL FROM:<a@x>\r\n"))
    }

    @Test func pipelined() throws {
        var dialogue = Dialogue.opened("PIPELINING", "SIZE 1000", "8BITMIME")
        #expect(try dialogue.begin("b@x", "c@x") == .send("MAIL FROM:<a@x> SIZE=3\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n"))
        for _ in 0..<3 { #expect(dialogue.say(250) == .wait) }
        #expect(dialogue.say(354) == .sendBody)
        _ = dialogue.session.bodySent()
        #expect(dialogue.say(250) == .finish(.accepted(reply(250), recipients: recipients(("b@x", 250), ("c@x", 250))), thenClose: false))
    }

    @Test func parameters() throws {
        var eight = Dialogue.opened("8BITMIME")
        #expect(try eight.begin("b@x", data: "ü\r\n") == .send("MAIL FROM:<a@x> BODY=8BITMIME\r\n"))
        var null = Dialogue.opened()
        #expect(try null.begin("b@x", sender: "") == .send("MAIL FROM:<>\r\n"))
        var international = Dialogue.opened("SMTPUTF8", "8BITMIME")
        #expect(try international.begin("ü@x") == .send("MAIL FROM:<a@x> SMTPUTF8\r\n"))
    }

    @Test func smtputf8NotOffered() throws {
        var dialogue = Dialogue.opened("8BITMIME")
        #expect(try dialogue.begin("ü@x").failure! == (.smtputf8Unavailable, .mail, false))
        #expect(try dialogue.begin("b@x") == .send("MAIL FROM:<a@x>\r\n"))
    }

    @Test func largerThanAnnounced() throws {
        var dialogue = Dialogue.opened("SIZE 5")
        #expect(try dialogue.begin("b@x", data: "1234").failure! == (.tooLarge, .mail, false))
        #expect(try dialogue.begin("b@x", data: "123") == .send("MAIL FROM:<a@x> SIZE=5\r\n"))
    }

    // MARK: - After the dot

    @Test(arguments: [451, 554, 552]) func refusedAfterTheDot(code: Int) throws {
        var dialogue = Dialogue.opened()
        try dialogue.reachFinalDot("b@x")
        #expect(dialogue.say(code) == .finish(.refused(reply(code), in: .finalDot, recipients: recipients(("b@x", 250))), thenClose: false))
        #expect(try dialogue.begin("c@x") == .send("RSET\r\n"))
        #expect(dialogue.say(250) == .send("MAIL FROM:<a@x>\r\n"))
    }

    @Test func serviceClosesAfterTheDot() throws {
        var dialogue = Dialogue.opened()
        try dialogue.reachFinalDot("b@x")
        #expect(dialogue.say(421) == .finish(.refused(reply(421), in: .finalDot, recipients: recipients(("b@x", 250))), thenClose: true))
    }

    @Test func anyPositiveReplyAfterTheDotAccepts() throws {
        var dialogue = Dialogue.opened()
        try dialogue.reachFinalDot("b@x")
        #expect(dialogue.say(252) == .finish(.accepted(reply(252), recipients: recipients(("b@x", 250))), thenClose: false))
    }

    @Test func brokenOffAfterTheDotIsInDoubt() throws {
        var closed = Dialogue.opened()
        try closed.reachFinalDot("b@x")
        #expect(closed.session.closed().failure! == (.closed, .finalDot, true))
        var silent = Dialogue.opened()
        try silent.reachFinalDot("b@x")
        #expect(silent.session.timedOut().failure! == (.timeout, .finalDot, true))
        var odd = Dialogue.opened()
        try odd.reachFinalDot("b@x")
        #expect(odd.say(354).failure! == (.protocolViolation, .finalDot, true))
        var garbage = Dialogue.opened()
        try garbage.reachFinalDot("b@x")
        #expect(garbage.session.violated("garbage").failure! == (.protocolViolation, .finalDot, true))
    }

    @Test func brokenOffBeforeTheDotIsNot() throws {
        var closed = Dialogue.opened()
        try closed.reachBody("b@x")
        #expect(closed.session.closed().failure! == (.closed, .body, true))
        var silent = Dialogue.opened()
        try silent.reachBody("b@x")
        #expect(silent.session.timedOut().failure! == (.timeout, .body, true))
        var early = Dialogue.opened()
        try early.reachBody("b@x")
        #expect(early.say(250).failure! == (.protocolViolation, .body, true))
    }

    @Test(arguments: [552, 451, 421]) func errorReplyInTheMiddleOfTheBody(code: Int) throws {
        var dialogue = Dialogue.opened()
        try dialogue.reachBody("b@x")
        #expect(dialogue.say(code) == .finish(.refused(reply(code), in: .body, recipients: recipients(("b@x", 250))), thenClose: true))
    }

    // MARK: - MAIL and DATA

    @Test(arguments: [552, 451, 501]) func mailRefused(code: Int) throws {
        let refused = MailResult.refused(reply(code), in: .mail, recipients: [])
        var single = Dialogue.opened()
        _ = try single.begin("b@x")
        #expect(single.say(code) == .finish(refused, thenClose: false))
        #expect(try single.begin("b@x") == .send("RSET\r\n"))

        var pipelined = Dialogue.opened("PIPELINING")
        _ = try pipelined.begin("b@x")
        #expect(pipelined.say(code) == .wait)
        #expect(pipelined.say(503) == .wait)
        #expect(pipelined.say(503) == .finish(refused, thenClose: false))
        #expect(try pipelined.begin("c@x") == .send("RSET\r\nMAIL FROM:<a@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n"))
        for _ in 0..<3 { #expect(pipelined.say(250) == .wait) }
        #expect(pipelined.say(354) == .sendBody)
    }

    @Test func pipelinedMailRefusedAndClosedMeanwhileIsStillRefused() throws {
        var dialogue = Dialogue.opened("PIPELINING")
        _ = try dialogue.begin("b@x")
        _ = dialogue.say(550)
        #expect(dialogue.session.closed() == .finish(.refused(reply(550), in: .mail, recipients: []), thenClose: true))
    }

    @Test(arguments: [[String](), ["PIPELINING"]], [451, 503, 554]) func dataRefused(capabilities: [String], code: Int) throws {
        var dialogue = Dialogue()
        _ = dialogue.session.connected()
        _ = dialogue.say(220)
        _ = dialogue.ehlo(capabilities)
        _ = try dialogue.begin("b@x")
        _ = dialogue.say(250)
        _ = dialogue.say(250)
        #expect(dialogue.say(code) == .finish(.refused(reply(code), in: .data, recipients: recipients(("b@x", 250))), thenClose: false))
    }

    @Test func dataAnsweredWithSuccessIsNoSMTP() throws {
        var dialogue = Dialogue.opened()
        _ = try dialogue.begin("b@x")
        _ = dialogue.say(250)
        _ = dialogue.say(250)
        #expect(dialogue.say(250).failure! == (.protocolViolation, .data, true))
    }

    @Test func intermediateReplyWhereNoneMayBe() throws {
        var mail = Dialogue.opened()
        _ = try mail.begin("b@x")
        #expect(mail.say(354).failure! == (.protocolViolation, .mail, true))
        var rcpt = Dialogue.opened("PIPELINING")
        _ = try rcpt.begin("b@x")
        _ = rcpt.say(250)
        #expect(rcpt.say(334).failure! == (.protocolViolation, .rcpt, true))
    }

    // MARK: - Recipients

    @Test(arguments: [(451, 550), (550, 451)], [false, true]) func allRefused(codes: (Int, Int), pipelining: Bool) throws {
        var dialogue = pipelining ? Dialogue.opened("PIPELINING") : Dialogue.opened()
        _ = try dialogue.begin("b@x", "c@x")
        _ = dialogue.say(250)
        _ = dialogue.say(codes.0)
        var last = dialogue.say(codes.1)
        if pipelining {
            #expect(last == .wait)
            last = dialogue.say(554)
        }
        let refused = MailResult.refused(reply(codes.0), in: .rcpt, recipients: recipients(("b@x", codes.0), ("c@x", codes.1)))
        #expect(last == .finish(refused, thenClose: false))
    }

    @Test(arguments: [250, 554]) func allRefusedAndDataGoesAhead(final: Int) throws {
        var dialogue = Dialogue.opened("PIPELINING")
        _ = try dialogue.begin("b@x")
        _ = dialogue.say(250)
        _ = dialogue.say(550)
        #expect(dialogue.say(354) == .send(".\r\n"))
        let refused = MailResult.refused(reply(550), in: .rcpt, recipients: recipients(("b@x", 550)))
        var broken = dialogue
        #expect(broken.session.closed() == .finish(refused, thenClose: true))
        #expect(dialogue.say(final) == .finish(refused, thenClose: false))
    }

    @Test(arguments: [false, true]) func someRefused(pipelining: Bool) throws {
        var dialogue = pipelining ? Dialogue.opened("PIPELINING") : Dialogue.opened()
        _ = try dialogue.begin("b@x", "c@x", "d@x")
        _ = dialogue.say(250)
        _ = dialogue.say(550)
        _ = dialogue.say(250)
        _ = dialogue.say(452)
        #expect(dialogue.say(354) == .sendBody)
        _ = dialogue.session.bodySent()
        let list = recipients(("b@x", 550), ("c@x", 250), ("d@x", 452))
        #expect(dialogue.say(250) == .finish(.accepted(reply(250), recipients: list), thenClose: false))
    }

    // MARK: - 421 and dead connections

    @Test func serviceClosesInEachPhase() throws {
        for pipelining in [false, true] {
            var mail = pipelining ? Dialogue.opened("PIPELINING") : Dialogue.opened()
            _ = try mail.begin("b@x", "c@x")
            var rcpt = mail
            #expect(mail.say(421) == .finish(.refused(reply(421), in: .mail, recipients: []), thenClose: true))
            _ = rcpt.say(250)
            _ = rcpt.say(250)
            var data = rcpt
            #expect(rcpt.say(421) == .finish(.refused(reply(421), in: .rcpt, recipients: recipients(("b@x", 250))), thenClose: true))
            _ = data.say(250)
            let all = recipients(("b@x", 250), ("c@x", 250))
            #expect(data.say(421) == .finish(.refused(reply(421), in: .data, recipients: all), thenClose: true))
        }
    }

    @Test func aKeptConnectionThatHadDiedIsStale() throws {
        var used = Dialogue.opened()
        try used.deliver()
        _ = try used.begin("c@x")
        var closed = used
        #expect(used.say(421) == .stale)
        #expect(closed.session.closed() == .stale)
    }

    @Test func staleEndsWithTheReplyToMail() throws {
        var used = Dialogue.opened()
        try used.deliver()
        _ = try used.begin("c@x")
        _ = used.say(250)
        #expect(used.session.closed().failure! == (.closed, .rcpt, true))
    }

    @Test func aFreshConnectionIsNeverStale() throws {
        var fresh = Dialogue.opened()
        _ = try fresh.begin("b@x")
        #expect(fresh.session.closed().failure! == (.closed, .mail, true))
    }

    @Test func aTimeoutIsNotStale() throws {
        var used = Dialogue.opened()
        try used.deliver()
        _ = try used.begin("c@x")
        #expect(used.session.timedOut().failure! == (.timeout, .mail, true))
    }

    @Test func refusedResetIsStale() throws {
        var used = Dialogue.opened()
        _ = try used.begin("b@x")
        _ = used.say(550)
        #expect(try used.begin("c@x") == .send("RSET\r\n"))
        #expect(used.say(500) == .stale)
    }

    @Test func wordsOfAnIdleServerCloseTheConnection() throws {
        var dialogue = Dialogue.opened()
        #expect(dialogue.say(421) == .close)
        #expect(try dialogue.begin("b@x") == .stale)
    }

    @Test func idleTooLongTakesLeave() {
        var dialogue = Dialogue.opened()
        #expect(dialogue.session.timedOut() == .send("QUIT\r\n"))
        #expect(dialogue.session.timedOut() == .close)
    }
}
