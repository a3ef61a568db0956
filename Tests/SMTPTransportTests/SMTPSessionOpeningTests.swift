import AdapterKit
import Testing

@testable import SMTPTransport

@Suite struct SMTPSessionOpeningTests {
    @Test func clearTextOpens() {
        var dialogue = Dialogue()
        #expect(dialogue.session.connected() == .wait)
        #expect(dialogue.say(220) == .send("EHLO me\r\n"))
        #expect(dialogue.ehlo([]) == .opened)
        #expect(dialogue.session.quit() == .send("QUIT\r\n"))
        #expect(dialogue.say(221) == .close)
    }

    @Test(arguments: [421, 450, 521, 554, 556]) func refusedGreeting(code: Int) {
        var dialogue = Dialogue()
        _ = dialogue.session.connected()
        #expect(dialogue.say(code) == .finish(.refused(reply(code), in: .greeting, recipients: []), thenClose: true))
    }

    @Test func greetingThatIsNone() {
        var dialogue = Dialogue()
        _ = dialogue.session.connected()
        #expect(dialogue.say(354).failure! == (.protocolViolation, .greeting, true))
    }

    @Test(arguments: [500, 502]) func heloOnlyWhereNothingIsNeeded(code: Int) {
        var plain = Dialogue()
        _ = plain.session.connected()
        _ = plain.say(220)
        #expect(plain.say(code) == .send("HELO me\r\n"))
        #expect(plain.say(250) == .opened)

        for security in MailServer.Security.allCases {
            for credentials in [nil, Dialogue.credentials] where security != .none || credentials != nil {
                var strict = Dialogue(security: security, credentials: credentials)
                _ = strict.session.connected()
                if security == .tls { _ = strict.session.tlsEstablished() }
                _ = strict.say(220)
                #expect(strict.say(code) == .finish(.refused(reply(code), in: .ehlo, recipients: []), thenClose: true))
            }
        }
    }

    @Test(arguments: [421, 451, 550, 504]) func refusedEHLO(code: Int) {
        var dialogue = Dialogue()
        _ = dialogue.session.connected()
        _ = dialogue.say(220)
        #expect(dialogue.say(code) == .finish(.refused(reply(code), in: .ehlo, recipients: []), thenClose: true))
    }

    // MARK: - STARTTLS

    private func startingTLS(_ capabilities: [String] = ["STARTTLS"], credentials: MailServer.Credentials? = nil) -> (Dialogue, SMTPAction)
    {
        var dialogue = Dialogue(security: .starttls, credentials: credentials)
        _ = dialogue.session.connected()
        _ = dialogue.say(220)
        let action = dialogue.ehlo(capabilities)
        return (dialogue, action)
    }

    @Test func startTLSThenEHLOAgain() {
        var (dialogue, action) = startingTLS(["STARTTLS", "PIPELINING"])
        #expect(action == .send("STARTTLS\r\n"))
        #expect(dialogue.say(220) == .startTLS)
        #expect(dialogue.session.phase == .tls)
        #expect(dialogue.session.tlsEstablished() == .send("EHLO me\r\n"))
        #expect(dialogue.ehlo([]) == .opened)
        // What was promised in clear is forgotten.
        #expect(dialogue.session.capabilities == SMTPCapabilities())
    }

    @Test func startTLSNotOffered() {
        #expect(startingTLS([]).1.failure! == (.startTLSUnavailable, .startTLS, true))
        #expect(startingTLS(["AUTH PLAIN"], credentials: Dialogue.credentials).1.failure! == (.startTLSUnavailable, .startTLS, true))
    }

    @Test(arguments: [421, 454, 501]) func startTLSRefused(code: Int) {
        var (dialogue, _) = startingTLS()
        #expect(dialogue.say(code) == .finish(.refused(reply(code), in: .startTLS, recipients: []), thenClose: true))
    }

    @Test func bytesBehindTheStartTLSReply() {
        var (dialogue, _) = startingTLS()
        #expect(dialogue.say(220, more: true).failure! == (.protocolViolation, .startTLS, true))
    }

    @Test func handshakeFails() {
        var (dialogue, _) = startingTLS()
        _ = dialogue.say(220)
        #expect(dialogue.session.tlsFailed("no").failure! == (.tls, .tls, true))
        var implicit = Dialogue(security: .tls)
        _ = implicit.session.connected()
        #expect(implicit.session.tlsFailed("no").failure! == (.tls, .tls, true))
        var slow = Dialogue(security: .tls)
        _ = slow.session.connected()
        #expect(slow.session.timedOut().failure! == (.timeout, .tls, true))
    }

    @Test func clearTextNeverStartsTLS() {
        var dialogue = Dialogue()
        _ = dialogue.session.connected()
        _ = dialogue.say(220)
        #expect(dialogue.ehlo(["STARTTLS"]) == .opened)
    }

    // MARK: - AUTH

    private func secured(_ capabilities: String..., credentials: MailServer.Credentials = Dialogue.credentials) -> (Dialogue, SMTPAction) {
        var dialogue = Dialogue(security: .tls, credentials: credentials)
        _ = dialogue.session.connected()
        _ = dialogue.session.tlsEstablished()
        _ = dialogue.say(220)
        let action = dialogue.ehlo(capabilities)
        return (dialogue, action)
    }

    @Test func plainIsPreferredAndSentAtOnce() {
        var (dialogue, action) = secured("AUTH LOGIN PLAIN")
        #expect(action == .send("AUTH PLAIN AHVzZXIAcGFzcw==\r\n"))
        #expect(dialogue.say(235) == .opened)
    }

    @Test func plainWhereTheServerOverlooksTheResponse() {
        var (dialogue, _) = secured("AUTH PLAIN")
        #expect(dialogue.say(334) == .send("AHVzZXIAcGFzcw==\r\n"))
        #expect(dialogue.say(334).failure! == (.protocolViolation, .auth, true))
    }

    @Test func plainResponseTooLongForTheCommand() {
        var (dialogue, action) = secured(
            "AUTH PLAIN", credentials: .init(username: "u", password: Secret(String(repeating: "p", count: 600))))
        #expect(action == .send("AUTH PLAIN\r\n"))
        guard case .send(let line) = dialogue.say(334) else {
            Issue.record("the response is due")
            return
        }
        #expect(line.utf8.count > 800)
        #expect(dialogue.say(235) == .opened)
    }

    @Test func login() {
        var (dialogue, action) = secured("AUTH LOGIN XOAUTH2")
        #expect(action == .send("AUTH LOGIN\r\n"))
        #expect(dialogue.say(334) == .send("dXNlcg==\r\n"))
        #expect(dialogue.say(334) == .send("cGFzcw==\r\n"))
        #expect(dialogue.say(235) == .opened)
    }

    @Test(arguments: [454, 534, 535, 421]) func refusedAuth(code: Int) {
        for mechanism in ["AUTH PLAIN", "AUTH LOGIN"] {
            var (dialogue, _) = secured(mechanism)
            if mechanism == "AUTH LOGIN" {
                _ = dialogue.say(334)
                _ = dialogue.say(334)
            }
            #expect(dialogue.say(code) == .finish(.refused(reply(code), in: .auth, recipients: []), thenClose: true))
        }
    }

    @Test func credentialsSetAndNoAuthOffered() {
        #expect(secured().1.failure! == (.authUnavailable, .auth, true))
        #expect(secured("AUTH GSSAPI").1.failure! == (.authUnavailable, .auth, true))
    }

    @Test func noPasswordWithoutTLS() {
        var dialogue = Dialogue(credentials: Dialogue.credentials)
        _ = dialogue.session.connected()
        _ = dialogue.say(220)
        #expect(dialogue.ehlo(["AUTH PLAIN LOGIN"]).failure! == (.authUnavailable, .auth, true))
    }

    @Test func credentialsWithNULAreNotSent() {
        #expect(
            secured("AUTH PLAIN", credentials: .init(username: "a\0b", password: Secret("c"))).1.failure! == (.authUnavailable, .auth, true)
        )
    }

    @Test func startTLSThenAuth() {
        var (dialogue, _) = startingTLS(credentials: Dialogue.credentials)
        _ = dialogue.say(220)
        _ = dialogue.session.tlsEstablished()
        #expect(dialogue.ehlo(["AUTH PLAIN"]) == .send("AUTH PLAIN AHVzZXIAcGFzcw==\r\n"))
    }

    @Test func brokenOffInEachPhase() {
        var connecting = Dialogue()
        #expect(connecting.session.closed().failure! == (.connect, .connect, true))
        connecting = Dialogue()
        #expect(connecting.session.timedOut().failure! == (.timeout, .connect, true))
        var greeting = Dialogue()
        _ = greeting.session.connected()
        #expect(greeting.session.closed().failure! == (.closed, .greeting, true))
        var ehlo = Dialogue()
        _ = ehlo.session.connected()
        _ = ehlo.say(220)
        #expect(ehlo.session.timedOut().failure! == (.timeout, .ehlo, true))
        var (auth, _) = secured("AUTH PLAIN")
        #expect(auth.session.closed().failure! == (.closed, .auth, true))
    }
}
