import AdapterKit
import CurlTransport
import Foundation
import Synchronization
import Testing

/// The built daemon as a process of its own, over a folder of its own, on a free port.
final class Daemon: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    static let organization = "0195b1f0-0000-7000-8000-000000000001"

    let folder: URL
    let configURL: URL
    let adminToken: String
    let http = CurlTransport(configuration: CurlConfiguration())
    /// More words for `serve`.
    private let arguments: [String]
    private let environment: [String: String]
    private let process = Mutex<RunningProcess?>(nil)

    /// Writes the configuration, makes the organization and its key, and starts the daemon.
    ///
    /// - Parameters:
    ///   - channels: the channels' section of the configuration, in YAML.
    ///   - arguments: more words for `serve`.
    ///   - store: the store's section, in YAML; nil for an embedded one in the folder.
    ///   - environment: laid over the configuration of `serve`.
    init(
        channels: String, more: String = "", seeded: Bool = true, store: String? = nil, environment: [String: String] = [:],
        arguments: [String] = []
    ) async throws {
        self.arguments = arguments
        self.environment = environment
        folder = FileManager.default.temporaryDirectory.appending(path: "gatewayd-\(UUIDBits.version7().text)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        configURL = folder.appending(path: "gatewayd.yaml")
        try """
        http: { host: 127.0.0.1, port: 0 }
        store: { \(store ?? "url: \"sqlite:\(folder.path)/gatewayd.db\"") }
        secrets: { keyring: "k1 \(Base64.encode([UInt8](repeating: 7, count: 32)))" }
        network: { allow: ["127.0.0.0/8"] }
        quotes: { publicBaseURL: "https://portal.example", apiBaseURL: "https://api.example" }
        channels:
        \(channels.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }.joined(separator: "\n"))
        \(more)
        """.write(to: configURL, atomically: true, encoding: .utf8)
        _ = try await Self.run(
            ["organizations", "create", "--config", configURL.path, "--id", Self.organization, "--name", "Voorbeeld BV"]
                + (seeded ? [] : ["--no-seed"]))
        adminToken = try await Self.run(
            ["keys", "create", "--config", configURL.path, "--organization", Self.organization, "--name", "test", "--role", "admin"])
        try await start()
    }

    /// A further node over the same configuration, with a process of its own.
    ///
    /// - Parameter environment: laid over the configuration.
    init(beside first: Daemon, environment: [String: String] = [:], arguments: [String] = []) async throws {
        self.arguments = arguments
        self.environment = environment
        folder = first.folder
        configURL = first.configURL
        adminToken = first.adminToken
        try await start()
    }

    /// Runs `body` with a further node, and ends it whatever comes; in the end it has to stop well.
    static func with(
        beside first: Daemon, environment: [String: String] = [:], _ body: (Daemon) async throws -> Void
    ) async throws {
        let daemon = try await Daemon(beside: first, environment: environment)
        do { try await body(daemon) } catch {
            await daemon.killHard()
            throw error
        }
        #expect(await daemon.stopped().status == 0)
    }

    // MARK: The process

    static var binary: URL {
        // The test runner and the daemon are built into the same folder.
        var folder = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appending(path: "gatewayd")
            if FileManager.default.isExecutableFile(atPath: candidate.path), !candidate.hasDirectoryPath { return candidate }
            folder = folder.deletingLastPathComponent()
        }
        return URL(filePath: ".build/debug/gatewayd")
    }

    /// Runs a command to its end and answers its standard output.
    ///
    /// - Parameter environment: laid over the configuration.
    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let process = try RunningProcess(
            binary, arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
        let (status, output, errors) = await process.result()
        guard status == 0 else {
            throw Failure(description: "gatewayd \(arguments.joined(separator: " ")) ended with \(status): \(errors)")
        }
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private let portNow = Mutex(0)
    var port: Int { portNow.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }
    var pid: Int32 { process.withLock { $0?.pid ?? 0 } }

    /// Starts the daemon and returns when it answers.
    func start() async throws {
        let running = try RunningProcess(
            Self.binary, ["serve", "--config", configURL.path] + arguments,
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
        guard
            let line = await running.errorLine(containing: "\"message\":\"listening\""), let json = try? JSONValue(parsing: line),
            let port = json["port"]?.stringValue.flatMap(Int.init)
        else {
            let (status, _, errors) = await running.result()
            throw Failure(description: "the daemon ended with \(status) before it listened: \(errors)")
        }
        portNow.withLock { $0 = port }
        process.withLock { $0 = running }
    }

    /// Ends the daemon as a power cut would.
    func killHard() async {
        signal(SIGKILL)
        _ = await ended()
    }

    func signal(_ number: Int32) {
        if let running = process.withLock({ $0 }) { kill(running.pid, number) }
    }

    /// Asks the daemon to stop; it can be started again.
    func stopped() async -> (status: Int32, log: String) {
        signal(SIGTERM)
        return await ended()
    }

    /// Returns when the daemon takes no calls any more.
    func waitUntilClosed() async throws {
        for _ in 0..<100_000 {
            guard (try? await call("GET", "/healthz")) != nil else { return }
        }
        throw Failure(description: "the daemon went on answering")
    }

    /// Exit status and log, once the daemon has ended; it can be started again.
    func ended() async -> (status: Int32, log: String) {
        guard let running = process.withLock({ $0 }) else { return (0, "") }
        let (status, _, errors) = await running.result()
        return (status, errors)
    }

    /// Asks the daemon to stop and takes its folder away; answers its exit status and what it logged.
    ///
    /// - Parameters:
    ///   - signals: how often it is asked.
    ///   - limit: when it has not stopped by then it is killed.
    func stop(signals: Int = 1, within limit: Duration? = nil) async -> (status: Int32, log: String) {
        let bound = Task {
            guard let limit else { return }
            try await Task.sleep(for: limit)
            signal(SIGKILL)
        }
        defer { bound.cancel() }
        for number in 0..<signals {
            // Two signals at once would be one.
            if number > 0, let running = process.withLock({ $0 }) { _ = await running.errorLine(containing: "\"message\":\"stopping\"") }
            signal(SIGTERM)
        }
        let (status, errors) = await ended()
        await http.shutdown()
        try? FileManager.default.removeItem(at: folder)
        return (status, errors)
    }

    // MARK: The API

    struct Reply {
        var status: Int
        var json: JSONValue
    }

    /// - Parameter port: of what stands before the daemon, where something does; each call then has a connection of its own.
    func call(_ method: String, _ path: String, _ body: JSONValue? = nil, token: String? = nil, port: Int? = nil) async throws -> Reply {
        var headers = [HTTPHeader("Authorization", "Bearer \(token ?? adminToken)")]
        if body != nil { headers.append(HTTPHeader("Content-Type", "application/json")) }
        let request = HTTPRequest(
            method: method, url: (port.map { "http://127.0.0.1:\($0)" } ?? url) + path, headers: headers, body: body?.bytes ?? [],
            maximumReplyBytes: 64 << 20, isIdempotent: port == nil,
            network: .trusted)
        switch try await http.send(request) {
        case .reply(let reply): return Reply(status: reply.status, json: (try? JSONValue(parsing: reply.body)) ?? .null)
        case .failure(let failure): throw Failure(description: "\(method) \(path): \(failure.message)")
        }
    }

    /// Looks again and again until there is something to be found; fails after a generous time.
    func look<Found>(_ purpose: String, _ find: () async throws -> Found?) async throws -> Found {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(90)
        while true {
            if let found = try await find() { return found }
            guard clock.now < end else { throw Failure(description: "looked in vain \(purpose)") }
            // So that looking does not take the time away from what is looked at.
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// One delivery with its attempts.
    func delivery(_ id: String) async throws -> JSONValue {
        let reply = try await call("GET", "/api/v1/deliveries/\(id)")
        guard reply.status == 200 else { throw Failure(description: "the delivery answers \(reply.status)") }
        return reply.json
    }

    /// Follows one delivery until it is as wanted.
    func delivery(_ id: String, until isDone: (JSONValue) -> Bool) async throws -> JSONValue {
        var last = JSONValue.null
        do {
            return try await look("at a delivery") {
                last = try await delivery(id)
                return isDone(last) ? .some(last) : .none
            }
        } catch let failure as Failure { throw Failure(description: "\(failure): \(last.text)") }
    }

    /// All deliveries that match, over all pages.
    func deliveries(_ query: String = "") async throws -> [JSONValue] {
        var all: [JSONValue] = []
        var cursor: String?
        repeat {
            let page = try await call("GET", "/api/v1/deliveries?limit=500\(query)\(cursor.map { "&cursor=\($0)" } ?? "")")
            guard page.status == 200 else { throw Failure(description: "the list of deliveries answers \(page.status)") }
            all += page.json["deliveries"]?.arrayValue ?? []
            cursor = page.json["nextCursor"]?.stringValue
        } while cursor != nil
        return all
    }

    /// Looks until the deliveries as they stand are as wanted.
    func deliveries(_ query: String = "", until isDone: ([JSONValue]) -> Bool) async throws -> [JSONValue] {
        var last: [JSONValue] = []
        do {
            return try await look("at deliveries") {
                // A store that is coming back may refuse meanwhile.
                guard let all = try? await deliveries(query) else { return nil }
                last = all
                return isDone(all) ? .some(all) : .none
            }
        } catch let failure as Failure { throw Failure(description: "\(failure): \(last.map { $0.text("status") })") }
    }
}

extension JSONValue {
    /// The member's text, for expectations that read well.
    func text(_ key: String) -> String { self[key]?.stringValue ?? "" }
}
