import AdapterKit
import Testing

@testable import EmailAdapter

@Suite struct EmailAdapterTests {
    @Test func oneTransactionForOneRecipient() async throws {
        let script = MailScript(Fixture.accepted)
        let adapter = try Fixture.adapter(script)
        let outcome = try await adapter.deliver(Fixture.request(["subject": "s", "text": "t"]))
        let submission = try #require(script.submissions.first)
        #expect(script.submissions.count == 1)
        #expect(submission.mail.sender == "Hello@example.nl")
        #expect(submission.mail.recipients == ["jan@example.nl"])
        #expect(submission.mail.deadline == Fixture.acceptedAt + .seconds(660))
        #expect(submission.server.port == 587)
        let id = "<0195d5a0-0000-7000-8000-000000000001@example.nl>"
        #expect(outcome == .accepted(Acceptance(providerMessageID: id, code: "250 2.0.0", summary: "The mail server took it.")))
        #expect(String(decoding: submission.mail.data, as: UTF8.self).contains("\r\nMessage-ID: \(id)\r\n"))
    }

    @Test func everyTryHasTheSameBytes() async throws {
        let script = MailScript(.failed(MailFailure(.timeout, "t"), in: .finalDot))
        let adapter = try Fixture.adapter(script)
        for attempt in 1...2 {
            let outcome = try await adapter.deliver(Fixture.request(["subject": "é", "html": "<p>t</p>"], attempt: attempt))
            guard case .answerLost = outcome else {
                Issue.record("the answer was lost")
                return
            }
        }
        #expect(script.submissions.count == 2)
        #expect(script.submissions[0].mail.data == script.submissions[1].mail.data)
    }

    @Test(
        arguments: [
            (["subject": "a\nb", "text": "t"], "jan@example.nl", "rejected content_rejected message"),
            (["subject": "a"], "jan@example.nl", "rejected content_rejected message"),
            (["subject": "a", "text": "t", "sms": "t"], "jan@example.nl", "rejected content_rejected message"),
            (["subject": "a", "text": "t"], "jan@example.nl\r\nRCPT TO:<evil@example.org>", "rejected recipient_invalid endpoint"),
        ] as [(JSONValue, String, String)])
    func whatCannotBeSentReachesNoServer(_ content: JSONValue, _ address: String, _ expected: String) async throws {
        let script = MailScript(Fixture.accepted)
        let outcome = try await Fixture.adapter(script).deliver(Fixture.request(content, to: address))
        #expect(SMTPReplyTableTests.show(outcome) == expected)
        #expect(script.submissions.isEmpty)
    }

    @Test func cancellationIsThrown() async throws {
        let adapter = try Fixture.adapter(MailScript(Fixture.accepted))
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await adapter.deliver(Fixture.request(["subject": "s", "text": "t"]))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func aProbeSendsNothing() async throws {
        let script = MailScript(.refused(SMTPReply(code: 535, enhanced: .init(5, 7, 8)), in: .auth, recipients: []))
        let outcome = try await Fixture.adapter(script).probe()
        #expect(SMTPReplyTableTests.show(outcome) == "channelFault authentication")
        #expect(script.submissions.isEmpty)
        #expect(script.probes.map(\.host) == ["smtp.example"])
    }

    @Test func preflightListsEveryFault() throws {
        let adapter = try Fixture.adapter(MailScript(Fixture.accepted))
        let endpoint = try EmailAdapter.endpoint(from: "jan@example.nl")
        let content: JSONValue = ["subject": "a\r\nb", "text": "t", "headers": ["Bcc": "x@y.nl", "X-A": "a\0"]]
        #expect(
            Set(adapter.preflight(RenderedContent(content), to: endpoint).map(\.path)) == [
                "content.subject", "content.headers", "content.headers.X-A",
            ])
        #expect(adapter.preflight(RenderedContent(["text": "t"]), to: endpoint).map(\.path) == ["content.subject"])
        #expect(adapter.preflight(RenderedContent(bytes: [0x7B]), to: endpoint).map(\.path) == ["content"])
        #expect(adapter.preflight(RenderedContent(["subject": "s", "text": "t"]), to: endpoint) == [])
    }
}

@Suite struct EmailSettingsTests {
    private func faults(_ json: JSONValue, network: NetworkPolicy = .trusted) -> [String] {
        do {
            _ = try EmailSettings(AdapterSettings(json, specs: EmailSettings.fields, network: network))
            return []
        } catch { return error.list.map(\.path).sorted() }
    }

    @Test func fillsInWhatIsLeftOut() throws {
        let settings = try EmailSettings(AdapterSettings(["host": "h", "from": "Example <a@b.nl>"], specs: EmailSettings.fields))
        #expect(settings.server == MailServer(host: "h", port: 587, security: .starttls, clientName: "b.nl", connections: 8))
        #expect(settings.from.displayName == "Example")
        for (security, port) in [("none", 25), ("tls", 465)] {
            let other = try EmailSettings(
                AdapterSettings(["host": "h", "from": "a@b.nl", "security": .string(security)], specs: EmailSettings.fields))
            #expect(other.server.port == port)
        }
    }

    @Test func readsEverything() throws {
        let json: JSONValue = [
            "host": "smtp.example", "port": "2525", "security": "tls", "username": "u", "password": "p", "caFile": "/ca.pem",
            "from": "a@b.nl", "connections": 3,
            "clientName": "gw.example",
        ]
        let settings = try EmailSettings(AdapterSettings(json, specs: EmailSettings.fields))
        #expect(
            settings.server
                == MailServer(
                    host: "smtp.example", port: 2525, security: .tls, credentials: .init(username: "u", password: Secret("p")),
                    caFile: "/ca.pem",
                    clientName: "gw.example", connections: 3))
    }

    @Test(
        arguments: [
            ([:], ["from", "host"]),
            (["host": "h", "from": "nobody"], ["from"]),
            (["host": "h h", "from": "a@b.nl"], ["host"]),
            (["host": "h\r\n", "from": "a@b.nl\r\nBcc: c@d.nl"], ["from", "host"]),
            (["host": "h", "from": "a@b.nl", "clientName": "x\r\nMAIL"], ["clientName"]),
            (["host": "h", "from": "a@b.nl", "username": "u"], ["password"]),
            (["host": "h", "from": "a@b.nl", "password": "p"], ["username"]),
            (["host": "h", "from": "a@b.nl", "username": "u", "password": "p", "security": "none"], ["security"]),
            (["host": "h", "from": "a@b.nl", "username": "u\0", "password": "p\n"], ["password", "username"]),
            (["host": "h", "from": "a@b.nl", "security": "ssl", "port": 0, "connections": 0], ["connections", "port", "security"]),
            (["host": "h", "from": "a@b.nl", "dkim": [["domain": "b.nl", "selector": "s", "key": "k"]]], ["dkim[0].key"]),
            (["host": "h", "from": "a@b.nl", "dkim": [["domain": "c.nl", "selector": "s\r\n"]]], ["dkim[0].key"]),
        ] as [(JSONValue, [String])])
    func faultsOf(_ json: JSONValue, _ paths: [String]) {
        #expect(faults(json) == paths)
    }

    @Test func aTenantNamesNoFilesOfThisMachine() {
        let json: JSONValue = ["host": "h", "from": "a@b.nl", "caFile": "/etc/shadow"]
        #expect(faults(json) == [])
        #expect(faults(json, network: .guarded(allow: [])) == ["caFile"])
    }

    @Test func theSettingsNeverShowThePassword() throws {
        let settings = try EmailSettings(AdapterSettings(Fixture.settings, specs: EmailSettings.fields))
        #expect(!String(reflecting: settings).contains("p4ssw0rd"))
    }
}
