import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// The daemon as a process: what it logs, what it serves by role, and what commands do beside it.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ServingTests {
    @Test func commandsWorkBesideARunningDaemon() async throws {
        try await Gateway.with { gateway in
            let config = gateway.daemon.configURL.path
            let token = try await Daemon.run([
                "keys", "create", "--config", config, "--organization", Daemon.organization, "--name", "v", "--role", "viewer",
            ])
            #expect(try await gateway.daemon.call("GET", "/api/v1/deliveries", token: token).status == 200)
            #expect(try await gateway.daemon.call("GET", "/api/v1/audit", token: token).status == 403)
            let id = try #require(
                try await Daemon.run(["keys", "list", "--config", config]).split(separator: "\n").first { $0.hasSuffix("  v") })
            _ = try await Daemon.run(["keys", "revoke", String(id.prefix { $0 != " " }), "--config", config])
            #expect(try await gateway.daemon.call("GET", "/api/v1/deliveries", token: token).status == 401)
            #expect(try await Daemon.run(["organizations", "list", "--config", config]) == "\(Daemon.organization)  Voorbeeld BV")
            for action in ["plan", "apply", "verify"] {
                #expect(
                    try await Daemon.run(["migrate", action, "--config", config]).contains("090_workflow_engine_foundation  applied"),
                    "\(action)")
            }
            let down = await (try RunningProcess(Daemon.binary, ["migrate", "down", "--to", "89", "--approve", "--config", config]))
                .result()
            #expect(down.0 == 2 && down.2.contains("Another process has the store open"))
            let second = await (try RunningProcess(Daemon.binary, ["serve", "--config", config])).result()
            #expect(second.0 == 1 && second.2.contains("Another process has the store open"))
            let check = await (try RunningProcess(Daemon.binary, ["check", "--config", config])).result()
            #expect(check.0 == 0 && check.1.contains("ok  store  a running daemon has it open"), "\(check.1)")
        }
    }

    @Test func explainTellsTheStoryInTheTerminal() async throws {
        try await Gateway.with { gateway in
            _ = try await gateway.daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote)
            let words = ["explain", "quote", "q-1", "--url", gateway.daemon.url, "--token", gateway.daemon.adminToken]
            let told = try await Daemon.run(words)
            #expect(told.contains("Planned email to the lead for quote_sent: a step of workflow \"default\" is enabled."))
            let json = try JSONValue(parsing: try await Daemon.run(words + ["--json"]))
            #expect(json["rule"]?.text("workflowKey") == "default")
            let lost = await
                (try RunningProcess(
                    Daemon.binary, ["explain", "quote", "q-9", "--url", gateway.daemon.url, "--token", gateway.daemon.adminToken])).result()
            #expect(lost.0 == 1 && lost.2.contains("nothing here by that name"))
            let mute = await (try RunningProcess(Daemon.binary, ["explain", "quote", "q-1"], environment: [:])).result()
            #expect(mute.0 == 2)
        }
    }

    @Test func everyLineOfTheLogIsAnObjectAndNamesNobody() async throws {
        let gateway = try await Gateway(more: "", arguments: ["--log-level", "debug"])
        _ = try await gateway.message("email", to: "geheim@klant.example", ["subject": "Onderwerp", "text": "Inhoud"])
        _ = try await gateway.message("whatsapp", to: "+31612345678", ["text": "Inhoud"])
        _ = try await gateway.message("email", to: "bounce@klant.example", ["subject": "Onderwerp", "text": "Inhoud"])
        let sent = try await gateway.daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote)
        let publicToken = sent.json.text("publicToken")
        _ = try await gateway.daemon.call("GET", "/api/v1/public/quotes/\(publicToken)")
        _ = try await gateway.daemon.call("GET", "/api/v1/deliveries?recipient=geheim@klant.example")
        _ = try await gateway.daemon.deliveries { $0.count == 5 && $0.allSatisfy { ["succeeded", "failed"].contains($0.text("status")) } }
        let token = gateway.daemon.adminToken
        let (status, log) = await gateway.stop()
        #expect(status == 0)
        var hashes: Set<String> = []
        for line in log.split(separator: "\n") {
            guard let entry = try? JSONValue(parsing: String(line)), entry.objectValue != nil else {
                Issue.record("not a JSON object: \(line)")
                continue
            }
            #expect(entry["time"] != nil && entry["level"] != nil && entry["message"] != nil)
            if let hash = entry["address"]?.stringValue { hashes.insert(hash) }
        }
        #expect(hashes.count == 4, "two recipients of messages, and the customer by mail and telephone, each under one name")
        for secret in ["geheim@", "bounce@", "klant.example", "31612345678", "Onderwerp", "Inhoud", "Jan Jansen", token, publicToken] {
            #expect(!log.contains(secret), "\(secret)")
        }
    }

    @Test func aSecondSignalEndsItAtOnce() async throws {
        let gateway = try await Gateway(more: "shutdown: { grace: 10m }")
        gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, .fault(.hang))])
        _ = try await gateway.message("email", to: "a@klant.example", ["subject": "S", "text": "T"])
        _ = try await gateway.daemon.deliveries { $0.first?.text("status") == "processing" }
        let (status, _) = await gateway.daemon.stop(signals: 2)
        #expect(status == 1)
        await gateway.providers.stop()
    }

    @Test func aNodeThatOnlyDispatchesAnswersItsProbes() async throws {
        let command = try Command()
        defer { command.remove() }
        let daemon = try RunningProcess(Daemon.binary, ["serve", "--config", command.configURL.path, "--roles", "dispatcher,maintenance"])
        let line = try #require(await daemon.errorLine(containing: "\"message\":\"listening\""))
        let port = try #require(try JSONValue(parsing: line)["port"]?.stringValue.flatMap { Int($0) })
        let socket = try await TestSocket(port: port)
        for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/api/v1/deliveries", 404), ("/console", 404)] {
            try await socket.write("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await socket.answer().status == status, "\(path)")
        }
        // A proxy in between may be anybody.
        try await socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n")
        #expect(try await socket.answer().status == 401)
        await socket.close()
        kill(daemon.pid, SIGTERM)
        #expect(await daemon.result().0 == 0)
    }

    @Test func aKeyringThatIsNotTheStoresIsToldBeforeAnythingIsServed() async throws {
        try await Gateway.with { gateway in
            let daemon = gateway.daemon
            #expect(try await daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote).status == 202)
            daemon.signal(SIGTERM)
            _ = await daemon.ended()
            let config = ["--config", daemon.configURL.path]
            #expect(try await Daemon.run(["check"] + config).contains("ok  keyring  it opens what the store holds"))
            for id in ["k1", "k2"] {
                let keyring = "\(id) \(Base64.encode([UInt8](repeating: 8, count: 32)))"
                let environment = ProcessInfo.processInfo.environment.merging(["GATEWAYD_SECRETS_KEYRING": keyring]) { $1 }
                let checked = await (try RunningProcess(Daemon.binary, ["check"] + config, environment: environment)).result()
                #expect(
                    checked.0 == 1 && checked.1.contains("FAIL  keyring  secrets.keyring does not open what the store holds: the keyring "))
                let served = await (try RunningProcess(Daemon.binary, ["serve"] + config, environment: environment)).result()
                #expect(served.0 == 78 && served.2.contains("secrets.keyring does not open what the store holds"), "\(served.2)")
            }
            // With both keys everything opens again.
            try await daemon.start()
            #expect(try await daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote).status == 202)
        }
    }
}
