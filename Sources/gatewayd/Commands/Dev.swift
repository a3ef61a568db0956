import AdapterKit
import ArgumentParser
import Foundation
import GatewayCore
import GatewayModel
import GatewayRuntime
import Logging
import ProviderSimulators
import Signing

struct Dev: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs everything on this machine alone: the gateway on its embedded store, and stand-ins for every provider.")

    @Option(help: "The port of API and console; 0 lets the system choose.") var port: Int = 8080
    @Option(help: "Where the store and its keys are kept.") var data: String = ".gatewayd/dev"
    @Flag(name: .customLong("no-demo"), help: "Without the quote that is sent and accepted at the start.") var isQuiet = false

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be between 0 and 65535.") }
    }

    func run() async throws {
        var logger = Logger(label: "gatewayd", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        let folder = try DevFolder(path: data)
        let simulators = try await SimulatorSet.start()
        // Links name the port, so it has to be known before anything listens on it.
        let port = port == 0 ? try freePort() : port
        let (listening, announce) = AsyncStream.makeStream(of: Int.self)
        let configuration = try folder.configuration(port: port, simulators: simulators)
        let runtime: GatewayRuntime
        do {
            runtime = try await GatewayRuntime(
                configuration, adapters: installedAdapters, logger: logger,
                onListening: { announce.yield($0) })
        } catch let error as StoreError {
            throw told(error, configuration)
        } catch let faults as Faults {
            reportFaults(faults)
            throw ExitCode.badConfiguration
        }
        let story = Task {
            do {
                for await port in listening { return try await tell(port: port, folder: folder, runtime: runtime, simulators: simulators) }
            } catch let error where !(error is CancellationError) {
                printError("gatewayd: the demonstration ended early: \(error)")
            }
        }
        defer { story.cancel() }
        try await runUntilSignalled(runtime, logger: logger, hint: "; --port 0 finds a free one")
        await simulators.stop()
    }

    /// What a newcomer sees: where things are, a quote's way through the gateway, and a call to try.
    private func tell(port: Int, folder: DevFolder, runtime: GatewayRuntime, simulators: SimulatorSet) async throws {
        let url = "http://127.0.0.1:\(port)"
        simulators.whatsapp.setCallbackURL(WebURL("\(url)/api/v1/callbacks/whatsapp/default"))
        let token = try await folder.prepareOrganization(in: runtime)
        try folder.writeStatus(url: url, token: token, simulators: simulators)
        say(
            """
            gatewayd is running.
              Console        \(url)/console
              Token          \(token)
              Mail           smtp://127.0.0.1:\(simulators.smtpPort)
              WhatsApp       \(simulators.whatsappURL)
              Webhooks       \(simulators.webhookURL)
              Data           \(folder.path) (dev.json says all of this for programs)
            """)
        if !isQuiet { try await DevDemo(url: url, token: token, webhookURL: simulators.webhookURL, feed: runtime.feed).run() }
        say(
            """

            Try it:
              curl -s -X POST \(url)/api/v1/messages -H 'Authorization: Bearer \(token)' -H 'Content-Type: application/json' \\
                -d '{"channel":"email","to":"you@example.nl","content":{"subject":"Hello","text":"It works."}}'

            Stop with Ctrl-C.
            """)
    }
}

/// A port that nobody has just now.
private func freePort() throws -> Int {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0 }
    }
    guard isBound else {
        printError("gatewayd: there is no free port")
        throw ExitCode.failure
    }
    return Int(UInt16(bigEndian: address.sin_port))
}

/// Writes to standard output at once, also when it is no terminal.
private func say(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
}

/// The folder of a development gateway: its store, its keyring, its key.
struct DevFolder {
    static let organizationID = "0195b1f0-0000-7000-8000-00000000de00"

    let path: String

    init(path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func configuration(port: Int, simulators: SimulatorSet) throws -> GatewayConfiguration {
        let yaml = """
            http: { host: 127.0.0.1, port: \(port), publicBaseURL: "http://127.0.0.1:\(port)" }
            store: { url: "sqlite:\(path)/gatewayd.db" }
            secrets: { keyring: "file:\(try keyring())" }
            network: { allow: ["127.0.0.0/8"] }
            quotes: { publicBaseURL: "http://127.0.0.1:\(port)" }
            shutdown: { grace: 5s }
            channels:
              email: { host: 127.0.0.1, port: \(simulators.smtpPort), security: none, from: "Voorbeeld BV <offertes@voorbeeld.example>" }
              whatsapp:
                provider: cloud
                baseURL: "\(simulators.whatsappURL)"
                phoneNumberID: "\(simulators.whatsappPhoneNumberID)"
                accessToken: "\(simulators.whatsappAccessToken.reveal())"
                appSecret: "\(simulators.whatsappAppSecret.reveal())"
                verifyToken: "\(simulators.whatsappVerifyToken.reveal())"
              webhook: { secret: "\(simulators.webhookSecret.reveal())" }
            """
        let source = try ConfigurationSource(
            yaml: yaml, environment: [:],
            readFile: { FileManager.default.contents(atPath: $0).map { String(decoding: $0, as: UTF8.self) } })
        return try GatewayConfiguration(source, installed: installedAdapters)
    }

    /// The keyring's path; it is made at the first start, for its owner alone.
    private func keyring() throws -> String {
        let file = path + "/keyring"
        if !FileManager.default.fileExists(atPath: file) {
            try write(Keyring.makeLine(id: "dev") + "\n", to: file)
        }
        return file
    }

    /// Makes the organization and an admin's key; a key of an earlier start is kept.
    func prepareOrganization(in runtime: GatewayRuntime) async throws -> String {
        let administration = runtime.administration
        guard let id = OrganizationID(Self.organizationID) else { throw ExitCode.failure }
        _ = await administration.run(.createOrganization(id: id, name: "Voorbeeld BV", locale: "nl-NL", isSeeded: true))
        let file = path + "/token"
        // A token whose store was thrown away opens nothing.
        if let known = FileManager.default.contents(atPath: file).map({ String(decoding: $0, as: UTF8.self) }),
            try await administration.opens(known)
        {
            return known
        }
        let answer = await administration.run(.createKey(organizationID: id, name: "dev", role: Role.admin.rawValue))
        guard let token = answer.output.first else { throw ExitCode.failure }
        try write(token, to: file)
        return token
    }

    func writeStatus(url: String, token: String, simulators: SimulatorSet) throws {
        let status: JSONValue = [
            "url": .string(url), "consoleURL": .string(url + "/console"), "token": .string(token),
            "organizationId": .string(Self.organizationID),
            "smtpPort": .int(Int64(simulators.smtpPort)), "whatsappURL": .string(simulators.whatsappURL),
            "webhookURL": .string(simulators.webhookURL), "whatsappAppSecret": .string(simulators.whatsappAppSecret.reveal()),
            "whatsappVerifyToken": .string(simulators.whatsappVerifyToken.reveal()),
            // What else a gateway of one's own needs to send through the stand-ins.
            "whatsappAccessToken": .string(simulators.whatsappAccessToken.reveal()),
            "whatsappPhoneNumberID": .string(simulators.whatsappPhoneNumberID),
            "webhookSecret": .string(simulators.webhookSecret.reveal()),
        ]
        try write(status.text + "\n", to: path + "/dev.json")
    }

    private func write(_ text: String, to file: String) throws {
        guard FileManager.default.createFile(atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]) else {
            printError("gatewayd: \(file) cannot be written")
            throw ExitCode.failure
        }
    }
}

/// Sends one quote and accepts it as its customer would, then shows each delivery.
struct DevDemo {
    let url: String
    let token: String
    let webhookURL: String
    let feed: StatusFeed

    func run() async throws {
        let client = APIClient(base: url, token: token)
        try await addWebhook(client)
        let quoteID = UUIDBits.version7().text
        let changes = feed.changes()
        let number = "DEMO-\(quoteID.suffix(6))"
        say("\nA quote is sent (\(number)) …")
        let sent = try await client.post(
            "/api/v1/quotes/\(quoteID)/send",
            [
                "quoteNumber": .string(number), "leadId": .string(UUIDBits.version7().text), "totalCents": 125_000,
                "consumerName": "Jan Jansen",
                "consumerEmail": "jan@klant.example", "consumerPhone": "06 12345678", "agentName": "Anna de Boer",
                "agentEmail": "anna@voorbeeld.example", "organizationName": "Voorbeeld BV",
            ])
        let publicToken = sent["publicToken"]?.stringValue ?? ""
        try await show(quoteID, changes, client)
        say("\nIts customer accepts it …")
        _ = try await client.post("/api/v1/public/quotes/\(publicToken)/accept", ["signatureName": "Jan Jansen"])
        try await show(quoteID, changes, client)
        await client.close()
    }

    /// Adds webhook steps to the organization's workflow, so that the demo has all three channels.
    private func addWebhook(_ client: APIClient) async throws {
        let base = "/api/v1/admin/organizations/me/workflow-engine/workflows"
        var answer = try await client.get(base)
        guard case .object(var root) = answer, case .array(var workflows)? = root["workflows"], case .object(var first)? = workflows.first,
            case .array(var steps)? = first["steps"]
        else { return }
        steps.removeAll { $0["channel"]?.stringValue == "webhook" }
        for (index, trigger) in ["quote_sent", "quote_accepted", "quote_rejected"].enumerated() {
            steps.append([
                "trigger": .string(trigger), "channel": "webhook", "audience": "custom", "stepOrder": .int(Int64(1000 + index)),
                "recipientConfig": ["customEndpoints": [.string(webhookURL + "/hooks")]],
                "templateBody": #"{"quoteId":"{{quote.id}}","quoteNumber":"{{quote.number}}","total":"{{quote.totalFormatted}}"}"#,
            ])
        }
        first["steps"] = .array(steps)
        workflows[0] = .object(first)
        root["workflows"] = .array(workflows)
        answer = .object(["workflows": root["workflows"] ?? .array([])])
        _ = try await client.put(base, answer)
    }

    /// Prints the quote's deliveries as soon as none is under way any more.
    private func show(_ quoteID: String, _ changes: AsyncStream<Delivery>, _ client: APIClient) async throws {
        for await change in changes where change.quoteID?.text == quoteID && change.state.isSettled {
            let answer = try await client.get("/api/v1/deliveries?quoteId=\(quoteID)")
            let deliveries = answer["deliveries"]?.arrayValue ?? []
            let open: Set = ["pending", "processing"]
            guard !deliveries.contains(where: { open.contains($0["status"]?.stringValue ?? "") }) else { continue }
            for delivery in deliveries.reversed() {
                let columns = [delivery["trigger"], delivery["channel"], delivery["recipient"], delivery["status"]].map {
                    $0?.stringValue ?? ""
                }
                say(
                    "  "
                        + zip(columns, [16, 10, 40, 10]).map { $0.padding(toLength: max($1, $0.count), withPad: " ", startingAt: 0) }
                        .joined(separator: "  "))
            }
            return
        }
    }
}
