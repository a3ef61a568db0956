import AdapterKit
import Foundation
import Testing

/// What the commands print, and how they end.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct CommandTests {
    private static let organization = "0195b1f0-0000-7000-8000-000000000001"

    private func with(_ yaml: String? = nil, _ body: (Command) async throws -> Void) async throws {
        let command = try Command(yaml)
        defer { command.remove() }
        try await body(command)
    }

    @Test func wrongUsageEndsWith2() async throws {
        try await with { command in
            for words in [
                ["serv"], ["serve"], ["migrate", "down", "--config"], ["keys", "create", "--config", "--name", "n"],
                ["adapters", "describe", "fax"],
            ] {
                let (status, output, errors) = await
                    (try RunningProcess(
                        Daemon.binary, words.flatMap { $0 == "--config" ? [$0, command.configURL.path] : [$0] })).result()
                #expect(status == 2 && output.isEmpty && !errors.isEmpty, "\(words): \(status)")
            }
            #expect(try await command.run("serve", "--config", "--roles", "api,cook").status == 2)
            #expect(try await command.run("serve", "--config", "--log-level", "loud").status == 2)
            #expect(try await command.run("organizations", "create", "--config", "--id", "x", "--name", "N").status == 2)
            let port = try await command.run("dev", "--port", "70000")
            #expect(port.status == 2 && port.errors.contains("--port must be between 0 and 65535"))
            #expect(try await command.run("--help").status == 0)
        }
    }

    @Test func aFaultyConfigurationEndsWith78AndNamesEveryFault() async throws {
        try await with("http: { prot: 1 }\nchannels: { email: { host: h } }\n") { command in
            for words in ["serve", "check"] {
                let result = try await command.run(words, "--config")
                #expect(result.status == 78 && result.output.isEmpty)
                for part in [
                    "http.prot (line 1) is unknown; did you mean http.port?", "store.url is required", "secrets.keyring is required",
                    "channels.email.from (line 2) is required",
                ] { #expect(result.errors.contains(part), "\(part)") }
            }
            let lost = await (try RunningProcess(Daemon.binary, ["serve", "--config", "/nowhere.yaml"])).result()
            #expect(lost.0 == 78 && lost.2.contains("/nowhere.yaml cannot be read"))
        }
    }

    @Test func keysAndOrganizationsAreMadeListedAndRevoked() async throws {
        try await with { command in
            let made = try await command.run(
                "organizations", "create", "--config", "--id", Self.organization, "--name", "Dak BV", "--locale", "nl-NL")
            #expect(made.status == 0 && made.lines == [Self.organization])
            let again = try await command.run("organizations", "create", "--config", "--id", Self.organization, "--name", "Dak BV")
            #expect(again.status == 2 && again.output.isEmpty && again.errors.contains("exists already"))
            let key = try await command.run(
                "keys", "create", "--config", "--organization", Self.organization, "--name", "q", "--role", "quotes")
            #expect(key.status == 0 && key.lines.count == 1 && !key.output.contains(" "), "the token alone")
            let wrong = try await command.run(
                "keys", "create", "--config", "--organization", Self.organization, "--name", "q", "--role", "king")
            #expect(wrong.status == 2 && wrong.errors.contains("admin, quotes, sender, viewer, operator"))
            let listed = try await command.run("keys", "list", "--config")
            #expect(listed.lines.count == 1 && !listed.output.contains(key.lines[0]))
            let id = String(listed.output.prefix { $0 != " " })
            #expect(try await command.run("keys", "revoke", id, "--config").status == 0)
            #expect(try await command.run("keys", "revoke", id, "--config").status == 2)
            #expect(try await command.run("organizations", "list", "--config").lines == ["\(Self.organization)  Dak BV"])
            // The token is nowhere in the store's files.
            for suffix in ["", "-wal"] {
                let bytes = (try? Data(contentsOf: URL(filePath: command.folder.path + "/gatewayd.db" + suffix))) ?? Data()
                #expect(bytes.range(of: Data(key.lines[0].utf8)) == nil)
            }
        }
    }

    @Test func migrationsArePlannedAppliedVerifiedAndTakenBackOnlyWhenApproved() async throws {
        try await with { command in
            let planned = try await command.run("migrate", "plan", "--config")
            #expect(planned.status == 0 && planned.lines.count == 5)
            #expect(
                planned.lines.first == "001  001_outbox  pending" && planned.lines.last == "090  090_workflow_engine_foundation  pending")
            #expect(!FileManager.default.fileExists(atPath: command.folder.path + "/gatewayd.db"), "a plan touches nothing")
            let unverified = try await command.run("migrate", "verify", "--config")
            #expect(unverified.status == 1 && unverified.errors.contains("There is no store yet"))

            let applied = try await withThrowingTaskGroup(of: Int32.self) { group in
                for _ in 0..<4 { group.addTask { try await command.run("migrate", "apply", "--config").status } }
                return try await group.reduce(into: [Int32]()) { $0.append($1) }
            }
            #expect(applied == [0, 0, 0, 0], "one applies them, the others find the work done")
            #expect(try await command.run("migrate", "apply", "--config").lines.allSatisfy { $0.hasSuffix("  applied") })
            #expect(try await command.run("migrate", "verify", "--config").status == 0)
            _ = try await command.run("organizations", "create", "--config", "--id", Self.organization, "--name", "Dak BV")

            let refused = try await command.run("migrate", "down", "--to", "089", "--config")
            #expect(
                refused.status == 2 && refused.errors.contains("would take back 090_workflow_engine_foundation")
                    && refused.errors.contains("--approve"))
            #expect(try await command.run("migrate", "verify", "--config").status == 0, "nothing was changed")
            let impossible = try await command.run("migrate", "down", "--to", "0", "--approve", "--config")
            #expect(impossible.status == 2 && impossible.errors.contains("001_outbox cannot be taken back"))
            let down = try await command.run("migrate", "down", "--to", "089", "--approve", "--config")
            #expect(down.status == 0 && down.lines.last == "090  090_workflow_engine_foundation  pending")
            #expect(down.lines.dropLast().allSatisfy { $0.hasSuffix("  applied") })
            let lacking = try await command.run("migrate", "verify", "--config")
            #expect(
                lacking.status == 1 && lacking.errors.contains("lacks migrations: 090_workflow_engine_foundation")
                    && lacking.errors.contains("`gatewayd migrate apply`"))
            let nothing = try await command.run("migrate", "down", "--to", "089", "--approve", "--config")
            #expect(nothing.status == 0 && nothing.errors.contains("no migration above 089 is applied"))
            let beyond = try await command.run("migrate", "down", "--to", "999", "--approve", "--config")
            #expect(beyond.status == 2 && beyond.errors.contains("no migration 999; the newest is 090_workflow_engine_foundation"))
            #expect(try await command.run("migrate", "apply", "--config").status == 0)
            #expect(
                try await command.run("organizations", "list", "--config").lines == ["\(Self.organization)  Dak BV"],
                "the rest is as it was")
        }
    }

    @Test func itKnowsItsVersion() async throws {
        try await with { command in
            let told = try await command.run("--version")
            #expect(told.status == 0 && told.lines.count == 1 && told.output.first?.isNumber == true)
        }
    }

    @Test func aKeyOfANewOrganizationSaysWhatItLacks() async throws {
        try await with { command in
            let words = ["keys", "create", "--config", "--name", "k", "--role", "admin", "--organization"]
            let nameless = try await command.run(words + [Self.organization])
            #expect(nameless.status == 0 && nameless.lines.count == 1 && nameless.errors.contains("has no name"))
            let other = UUIDBits.version7().text
            let named = try await command.run(words + [other, "--organization-name", "Dak BV"])
            #expect(named.status == 0 && named.errors.isEmpty)
            #expect(try await command.run("organizations", "list", "--config").output.contains("\(other)  Dak BV"))
        }
    }

    @Test func aPortThatIsTakenIsToldInOneSentence() async throws {
        let holder = try TakenPort()
        defer { holder.close() }
        try await with { command in
            let yaml = try String(contentsOf: command.configURL, encoding: .utf8).replacing("port: 0 }", with: "port: \(holder.port) }")
            try yaml.write(to: command.configURL, atomically: true, encoding: .utf8)
            let served = try await command.run("serve", "--config", "--log-level", "critical")
            #expect(served.status == 1)
            #expect(served.errors == "gatewayd: port \(holder.port) of 127.0.0.1 is taken by another program (http.port)\n")
            let dev = await
                (try RunningProcess(
                    Daemon.binary, ["dev", "--port", "\(holder.port)", "--no-demo", "--data", command.folder.path + "/dev"])).result()
            #expect(dev.0 == 1 && dev.1.isEmpty)
            #expect(dev.2.contains("gatewayd: port \(holder.port) of 127.0.0.1 is taken by another program (http.port); --port 0 finds"))
        }
    }

    @Test func aStoreThatCannotBeOpenedIsAFault() async throws {
        try await with { command in
            let good = try String(contentsOf: command.configURL, encoding: .utf8)
            try "".write(to: command.folder.appending(path: "file"), atomically: true, encoding: .utf8)
            for (place, sentence) in [
                ("nowhere/gatewayd.db", "its folder \(command.folder.path)/nowhere/ does not exist"),
                ("file/gatewayd.db", "\(command.folder.path)/file"), ("", "\(command.folder.path)/ is a folder"),
            ] {
                try good.replacing("/gatewayd.db", with: "/" + place).write(to: command.configURL, atomically: true, encoding: .utf8)
                let checked = try await command.run("check", "--config")
                #expect(checked.status == 1)
                #expect(checked.lines.contains { $0.hasPrefix("FAIL  store  ") && $0.contains(sentence) }, "\(checked.output)")
                for words in [["serve", "--config"], ["keys", "list", "--config"]] {
                    let refused = try await command.run(words)
                    #expect(refused.status == 1 && refused.errors.contains("cannot be opened: "), "\(refused.errors)")
                }
            }
            // What is there and is no store.
            try String(repeating: "no store ", count: 200)
                .write(to: command.folder.appending(path: "gatewayd.db"), atomically: true, encoding: .utf8)
            try good.write(to: command.configURL, atomically: true, encoding: .utf8)
            #expect(try await command.run("check", "--config").lines.contains { $0.hasPrefix("FAIL  store  ") })
        }
    }

    @Test func channelsAreListedAndDescribed() async throws {
        try await with { command in
            #expect(try await command.run("adapters", "list").lines.map { $0.prefix { $0 != " " } } == ["email", "whatsapp", "webhook"])
            for name in ["email", "WhatsApp", "webhook"] {
                let described = try await command.run("adapters", "describe", name)
                #expect(described.status == 0 && described.output.contains("lost answer:") && described.output.contains("secret"))
            }
        }
    }

    @Test func aCheckHasALineForEachThingAndFailsWithAny() async throws {
        try await with { command in
            let before = try await command.run("check", "--config")
            #expect(before.status == 1)
            let lines = before.lines.map { $0.split(separator: "  ").prefix(2).joined(separator: " ") }
            #expect(
                lines == [
                    "ok configuration", "ok store", "ok migrations", "FAIL links", "FAIL channel email", "warn channel whatsapp",
                    "warn channel webhook",
                ])
            #expect(before.output.contains("5 will be applied at the start"))
            let verifying = try String(contentsOf: command.configURL, encoding: .utf8).replacing(".db\"", with: ".db\", migrate: verify")
            try verifying.write(to: command.configURL, atomically: true, encoding: .utf8)
            #expect(try await command.run("check", "--config").output.contains("FAIL  migrations  There is no store yet."))
            let served = try await command.run("serve", "--config")
            #expect(served.status == 1 && served.errors.contains("lacks migrations: 001_outbox"))
        }
    }
}
