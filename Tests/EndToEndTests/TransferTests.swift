import AdapterKit
import Foundation
import ProviderSimulators
import StoreBackends
import Testing

/// The road from one machine to many: an embedded store is exported, imported into PostgreSQL, and served from there.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct TransferTests {
    private static let quick = ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms"

    private func run(_ words: [String], environment: [String: String] = [:]) async throws -> Command.Result {
        let (status, output, errors) = await
            (try RunningProcess(
                Daemon.binary, words, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })).result()
        return Command.Result(status: status, output: output, errors: errors)
    }

    /// What the API says of all that has settled.
    private func answers(of daemon: Daemon, deliveries: [String], eventID: String) async throws -> [String: JSONValue] {
        var paths = [
            "/api/v1/deliveries?quoteId=q-1", "/api/v1/events?quoteId=q-1", "/api/v1/events/\(eventID)/explain", "/api/v1/quotes/q-1",
            "/api/v1/quotes/q-1/activities", "/api/v1/quotes/q-1/explain", "/api/v1/leads/lead-1/explain", "/api/v1/suppressions",
            "/api/v1/audit", Gateway.engine + "/workflows", Gateway.engine + "/assignment-rules",
            Gateway.engine + "/leads/lead-1/override", Gateway.engine + "/leads/lead-1/resolve",
        ]
        paths += deliveries.flatMap { ["/api/v1/deliveries/\($0)", "/api/v1/deliveries/\($0)/explain"] }
        var answers: [String: JSONValue] = [:]
        for path in paths {
            let reply = try await daemon.call("GET", path)
            answers[path] = ["status": .int(Int64(reply.status)), "json": reply.json]
        }
        return answers
    }

    @Test func aStoreMovesWithAllThatItHolds() async throws {
        try await Gateway.with(
            email: Self.quick + ", connections: 1, concurrency: 1", whatsapp: Self.quick, webhook: Self.quick,
            more: "dispatch: { lease: 3s }"
        ) { gateway in
            let daemon = gateway.daemon
            // What has ended.
            let sent = try await daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote)
            #expect(sent.status == 202)
            let token = sent.json.text("publicToken")
            _ = try await daemon.call("GET", "/api/v1/public/quotes/\(token)")
            _ = try await daemon.call("POST", "/api/v1/suppressions", ["channel": "email", "endpoint": "weg@klant.example"])
            _ = try await daemon.call(
                "PUT", Gateway.engine + "/leads/lead-1/override", ["overrideMode": "clear", "reason": "zelf"])
            let hooked = try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/hook", key: "once")
            _ = try await gateway.delivery(hooked, until: "succeeded")
            let settled = try await daemon.deliveries { all in all.count == 3 && all.allSatisfy { $0.text("status") == "succeeded" } }
            let before = try await answers(of: daemon, deliveries: settled.map { $0.text("id") }, eventID: sent.json.text("eventId"))

            // What has not: one mail and one chat are being sent when the daemon dies, other mails wait behind them.
            gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, .hold)])
            gateway.providers.whatsapp.setScript([WhatsAppRule(.hold)])
            let (mails, chats) = (gateway.providers.smtp.count, gateway.providers.whatsapp.count)
            let held = try await gateway.deliver("email", to: "a@klant.example")
            let chat = try await gateway.deliver("whatsapp", to: "+31612345678")
            try await gateway.providers.smtp.waitForCount(mails + 1, timeout: .seconds(30))
            try await gateway.providers.whatsapp.waitForCount(chats + 1, timeout: .seconds(30))
            var waiting: [String] = []
            for number in 0..<5 { waiting.append(try await gateway.deliver("email", to: "w\(number)@klant.example")) }

            let file = daemon.folder.path + "/store.ndjson"
            let export = ["export", "--config", daemon.configURL.path, "--to", file]
            let early = try await run(export)
            #expect(early.status == 2 && early.errors.contains("Stop it first") && !FileManager.default.fileExists(atPath: file))
            await daemon.killHard()
            gateway.providers.smtp.release()
            gateway.providers.whatsapp.release()
            gateway.providers.smtp.setScript([])
            gateway.providers.whatsapp.setScript([])

            let exported = try await run(export)
            #expect(exported.status == 0 && exported.lines.contains("deliveries  10"), "\(exported.errors)")
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let again = try await run(export)
            #expect(again.status == 2 && again.errors.contains("exists already"))

            try await PostgresDatabase.with(isEmpty: true) { database in
                let environment = ["GATEWAYD_STORE_URL": database.url]
                let words = ["import", "--config", daemon.configURL.path, "--from", file]
                let imported = try await run(words, environment: environment)
                #expect(imported.status == 0 && imported.lines == exported.lines && imported.errors.isEmpty, "\(imported.errors)")
                let twice = try await run(words, environment: environment)
                #expect(twice.status == 2 && twice.errors.contains("the store is not empty"))

                try await Daemon.with(beside: daemon, environment: environment) { node in
                    let after = try await answers(
                        of: node, deliveries: settled.map { $0.text("id") }, eventID: sent.json.text("eventId"))
                    for (path, answer) in before { #expect(after[path] == answer, "\(path)") }
                    #expect(before.values.allSatisfy { $0["status"] == 200 })
                    // The same link, keys and ids.
                    let open = try await node.call("GET", "/api/v1/public/quotes/\(token)")
                    #expect(open.status == 200 && open.json.text("status") == "Sent")
                    let repeated = try await node.call(
                        "POST", "/api/v1/messages",
                        [
                            "channel": "webhook", "to": .string(gateway.providers.webhookURL + "/hook"),
                            "content": Gateway.content(of: "webhook"), "idempotencyKey": "once",
                        ])
                    #expect(repeated.status == 200 && repeated.json["duplicate"] == true && repeated.json.deliveryIDs == [hooked])

                    // What waited goes out once, what was being sent is told openly.
                    for id in waiting {
                        _ = try await node.delivery(id) { $0.text("status") == "succeeded" }
                        #expect(gateway.arrivals(of: id) == 1)
                    }
                    let mail = try await node.delivery(held) { $0.text("status") == "succeeded" }
                    #expect(mail.isPossibleDuplicate && mail.attempts == ["answer_lost answer_lost uncounted", "accepted"])
                    let lost = try await node.delivery(chat) { $0.text("status") == "unknown" }
                    #expect(lost.standing == "unknown answer_lost answer_lost after 1" && gateway.arrivals(of: chat) == 1)
                    let accepted = try await node.call("POST", "/api/v1/public/quotes/\(token)/accept", ["signatureName": "Jan"])
                    #expect(accepted.status == 200)
                    let health = try await node.call("GET", "/api/v1/outbox/health")
                    #expect(health.json["unaccounted"]?.intValue == 0)
                }
            }
        }
    }

    @Test func whatIsNoWholeExportIsRefused() async throws {
        let command = try Command()
        defer { command.remove() }
        let file = command.folder.path + "/store.ndjson"
        let words = ["export", "--config", command.configURL.path, "--to"]
        let none = try await run(words + [file])
        #expect(none.status == 2 && none.errors.contains("there is no store at"))
        for _ in 0..<4 {
            _ = try await command.run("organizations", "create", "--config", "--id", UUIDBits.version7().text, "--name", "Dak BV")
        }

        for (place, sentence) in [("/nowhere/store.ndjson", "No such file or directory"), ("", "exists already")] {
            let failed = try await run(words + [command.folder.path + place])
            #expect(failed.status == (place.isEmpty ? 2 : 1) && failed.errors.contains(sentence), "\(failed.errors)")
        }
        // A disk that takes no more: a limit on the size of files, kept by the kernel, with room for SQLite's shared memory alone.
        let shell = try RunningProcess(
            URL(filePath: "/bin/sh"),
            ["-c", "trap '' XFSZ; ulimit -f 68; exec \"$@\"", "sh", Daemon.binary.path] + words + [file])
        let full = await shell.result()
        #expect(full.0 == 1 && full.2.contains("File too large") && !FileManager.default.fileExists(atPath: file), "\(full.2)")
        #expect(try await run(words + [file]).status == 0)

        let good = try Data(contentsOf: URL(filePath: file))
        let text = String(decoding: good, as: UTF8.self)
        let faults: [(data: Data, status: Int32, sentence: String)] = [
            (good.dropLast(1), 1, "incomplete"), (good.prefix(good.count / 2), 1, "incomplete"), (Data(), 1, "incomplete"),
            (Data(text.replacing("Dak BV", with: "Dak NV").utf8), 1, "checksum"), (good + good, 1, "checksum"),
            (Data("Dag\n".utf8), 1, "none that `gatewayd export`"),
            (Data(text.replacing("\"version\":1", with: "\"version\":2").utf8), 2, "of format 2"),
        ]
        try await PostgresDatabase.with(isEmpty: true) { database in
            let environment = ["GATEWAYD_STORE_URL": database.url]
            let other = command.folder.path + "/other.ndjson"
            let words = ["import", "--config", command.configURL.path, "--from"]
            for fault in faults {
                try fault.data.write(to: URL(filePath: other))
                let refused = try await run(words + [other], environment: environment)
                #expect(refused.status == fault.status && refused.errors.contains(fault.sentence), "\(fault.sentence): \(refused.errors)")
            }
            let lost = try await run(words + ["/nowhere.ndjson"], environment: environment)
            #expect(lost.status == 1 && lost.errors.contains("No such file or directory"))
            #expect(
                try await database.values("SELECT count(*) FROM pg_namespace WHERE nspname = 'gateway'", as: Int.self) == [0],
                "nothing was touched")
            let wrong = try await run(words + [file])
            #expect(wrong.status == 2 && wrong.errors.contains("store.url names an embedded store"))
            let reverse = try await run(
                ["export", "--config", command.configURL.path, "--to", other + "2"], environment: environment)
            #expect(reverse.status == 2 && reverse.errors.contains("only an embedded store"))
            // Another keyring is told.
            let keyring = ["GATEWAYD_SECRETS_KEYRING": "k1 \(Base64.encode([UInt8](repeating: 8, count: 32)))"]
            let imported = try await run(words + [file], environment: environment.merging(keyring) { $1 })
            #expect(imported.status == 0, "nothing is sealed yet: \(imported.errors)")
        }
    }
}
