import AdapterContract
import AdapterKit
import Testing

@Suite("Golden cases")
struct GoldenCaseTests {
    @Test(arguments: InstalledChannels.cases)
    func holds(_ golden: GoldenCase) async {
        let mismatches = await golden.run(adapter: InstalledChannels.types)
        #expect(mismatches.isEmpty, "\(golden)")
    }

    @Test func everyFileIsACaseWithANameOfItsOwn() throws {
        let cases = try GoldenCase.load(from: InstalledChannels.specs)
        #expect(Set(cases.map { "\($0.channel) \($0.name)" }).count == cases.count)
    }

    /// A channel shows an example of each way a try can end.
    @Test(arguments: InstalledChannels.names)
    func coverEveryOutcome(_ channel: String) throws {
        let kinds = InstalledChannels.cases.filter { $0.channel.rawValue == channel }.compactMap { golden -> ExpectedOutcome.Kind? in
            if case .exchange(_, let outcome) = golden.check { outcome.kind } else { nil }
        }
        // A receiver of webhooks is no account: nothing it answers is a fault of the channel.
        let missing = ExpectedOutcome.Kind.allCases.filter { !kinds.contains($0) && !(channel == "webhook" && $0 == .channelFault) }
        #expect(missing.isEmpty)
        #expect(kinds.count >= 12)
    }

    /// Whatever the written table makes of an answer stands in an example too: outcome, class and part.
    @Test(arguments: InstalledChannels.names)
    func coverEveryClassOfTheTable(_ channel: String) throws {
        let written = try #require(try InstalledChannels.spec(channel)["errors"]?.arrayValue).map { row in
            ["outcome", "class", "of"].compactMap { row[$0]?.stringValue }.joined(separator: " ")
        }
        let shown = exchanges(channel).map { _, outcome in
            [outcome.kind.rawValue, outcome.errorClass?.rawValue, outcome.part?.caseText].compactMap(\.self).joined(separator: " ")
        }
        #expect(Set(written).subtracting(shown).sorted() == [])
    }

    /// Whatever a transport can fail of stands in an example.
    @Test(arguments: InstalledChannels.names)
    func coverEveryFailureOfTheTransport(_ channel: String) {
        var http: Set<HTTPFailure.Reason> = []
        var mail: Set<MailFailure.Reason> = []
        for (exchange, _) in exchanges(channel) {
            if case .http(_, .failure(let failure)) = exchange { http.insert(failure.reason) }
            if case .mail(_, .failed(let failure, _)) = exchange { mail.insert(failure.reason) }
        }
        #expect(http.isEmpty || http == Set(HTTPFailure.Reason.allCases))
        #expect(mail.isEmpty || mail == Set(MailFailure.Reason.allCases))
        #expect(http.isEmpty != mail.isEmpty)
    }

    private func exchanges(_ channel: String) -> [(GoldenCase.Exchange, ExpectedOutcome)] {
        InstalledChannels.cases.compactMap { golden in
            guard golden.channel.rawValue == channel, case .exchange(let exchange?, let outcome) = golden.check else { return nil }
            return (exchange, outcome)
        }
    }
}

@Suite("Reading golden cases")
struct GoldenCaseReadingTests {
    private func faults(_ yaml: String) -> [String] {
        do {
            _ = try GoldenCase(yaml: yaml, channel: .webhook, file: "test")
            return []
        } catch { return error.list.map(\.path) }
    }

    @Test(arguments: [
        ("name: a\noutcome: { kind: accepted }\nsurprise: 1", ["surprise"]),
        ("name: a\noutcome: { kind: accepted, clas: x }", ["outcome.clas"]),
        ("name: a\noutcome: { kind: deferred }", ["outcome.class"]),
        ("name: a\noutcome: { kind: rejected, class: policy }", ["outcome.of"]),
        ("name: a\nrequest: { to: x, content: {}, attempts: 1 }\noutcome: { kind: accepted }", ["request.attempts"]),
        (
            "name: a\nhttp: { expect: { url: u, hedaers: {} }, reply: { status: 200 } }\noutcome: { kind: accepted }",
            ["http.expect.hedaers"]
        ),
        (
            "name: a\nhttp: { expect: { url: u }, reply: { status: 200, retryAfter: soon } }\noutcome: { kind: accepted }",
            ["http.reply.retryAfter"]
        ),
        ("name: a\nhttp: { expect: { url: u } }\noutcome: { kind: accepted }", ["http"]),
        ("name: a\nmail: { expect: {}, accepted: { code: 250, enhanced: 9.9 } }\noutcome: { kind: accepted }", ["mail.accepted.enhanced"]),
        ("name: a", ["$"]),
        ("name: a\nsettingsFaults: []\npreflight: []", ["$"]),
        ("name: a\nname: b", ["$"]),
        ("outcome: { kind: accepted }", ["name"]),
    ])
    func tellsWhatIsWrong(_ yaml: String, _ paths: [String]) { #expect(faults(yaml) == paths) }

    @Test func readsScalarsAsTheyAreMeant() throws {
        let json = try YAMLText.parse(
            "{ a: 1, b: +31, c: 06, d: 2.0.0, e: 1.5, f: true, g: '1', h: null, i: 2026-03-01T09:30:00Z, j: yes, k: -1, l: 0 }")
        #expect(
            json == [
                "a": 1, "b": "+31", "c": "06", "d": "2.0.0", "e": 1.5, "f": true, "g": "1", "h": nil, "i": "2026-03-01T09:30:00Z",
                "j": "yes", "k": "-1", "l": 0,
            ])
    }
}
