import AdapterKit
import Foundation
import PostgresTesting
import ProviderSimulators
import StoreBackends
import Testing

/// A gateway over a PostgreSQL of its own that can be stopped, with a spool, and if wanted a second node beside it.
struct SpoolBench {
    let server: PostgresServer
    let gateway: Gateway
    private let url: String
    private let folder: URL

    var daemon: Daemon { gateway.daemon }

    static func with(_ environment: [String: String] = [:], _ body: (SpoolBench) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "spool-" + UUIDBits.version7().text)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let server = try await PostgresServer()
        let url = try await server.database()
        let gateway = try await Gateway(
            store: "url: \"\(url)\"", environment: environment.merging(spool(in: folder, "first")) { first, _ in first })
        let bench = SpoolBench(server: server, gateway: gateway, url: url, folder: folder)
        var failure: (any Error)?
        do { try await body(bench) } catch { failure = error }
        await gateway.stop()
        await server.stop(.immediate)
        try? FileManager.default.removeItem(at: folder)
        if let failure { throw failure }
    }

    /// A gateway whose way to the database can be cut, as a network is.
    static func withRelay(_ body: (Gateway, TCPRelay, PostgresDatabase) async throws -> Void) async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            let server = try await PostgresServer.shared
            let relay = try await TCPRelay(to: { [server.port] })
            let url = server.urlOverTCP(database.url).replacing(":\(server.port)/", with: ":\(relay.port)/")
            let folder = FileManager.default.temporaryDirectory.appending(path: "spool-" + UUIDBits.version7().text)
            var failure: (any Error)?
            do {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                let gateway = try await Gateway(store: "url: \"\(url)\"", environment: spool(in: folder, "first"))
                do { try await body(gateway, relay, database) } catch { failure = error }
                relay.mend()
                await gateway.stop()
            } catch { failure = error }
            await relay.stop()
            try? FileManager.default.removeItem(at: folder)
            if let failure { throw failure }
        }
    }

    private static func spool(in folder: URL, _ name: String) -> [String: String] {
        ["GATEWAYD_QUOTES_SPOOL_PATH": folder.appending(path: "\(name).db").path, "GATEWAYD_QUOTES_SPOOL_MIRROR_INTERVAL": "1s"]
    }

    /// Runs a second node with a spool of its own beside the first.
    func withSecond(_ body: (Daemon) async throws -> Void) async throws {
        let second = try await Daemon(beside: daemon, environment: Self.spool(in: folder, "second"))
        do { try await body(second) } catch {
            second.signal(SIGKILL)
            _ = await second.ended()
            throw error
        }
        second.signal(SIGTERM)
        #expect(await second.ended().status == 0)
    }

    func stopDaemon() async throws {
        daemon.signal(SIGTERM)
        #expect(await daemon.ended().status == 0)
    }

    /// Starts the daemon anew: its copy of the rules is then that of now.
    func restart() async throws {
        try await stopDaemon()
        try await daemon.start()
    }

    /// Runs a daemon with a spool of its own, which is expected to end by itself.
    func serve(spoolNamed name: String) throws -> RunningProcess {
        try RunningProcess(
            Daemon.binary, ["serve", "--config", daemon.configURL.path],
            environment: ProcessInfo.processInfo.environment.merging(Self.spool(in: folder, name)) { $1 })
    }

    /// Runs a statement behind the daemon's back.
    func sql(_ statement: String) async throws { _ = try await server.run("psql", ["--quiet", "--command", statement], on: url) }

    /// Looks until the daemon's spool is as wanted.
    @discardableResult
    func spool(of node: Daemon? = nil, _ purpose: String, until isDone: (JSONValue) -> Bool) async throws -> JSONValue {
        let node = node ?? daemon
        var last = JSONValue.null
        do {
            return try await node.look(purpose) {
                last = try await node.call("GET", "/readyz").json
                return isDone(last["spool"] ?? .null) ? .some(last) : .none
            }
        } catch let failure as Daemon.Failure { throw Daemon.Failure(description: "\(failure): \(last.text)") }
    }

    /// An event of a quote of its own, which goes to an address and a number of its own.
    static func event(_ name: String, lead: String? = nil) -> JSONValue {
        Gateway.sentQuote.merging([
            "type": "quotes.quote.sent", "eventId": .string("evt-\(name)"), "quoteId": .string("q-\(name)"),
            "leadId": .string(lead ?? "lead-\(name)"), "consumerEmail": .string(address(name)), "consumerPhone": .string(phone(name)),
            "quoteNumber": .string("N-\(name)"),
        ])
    }

    private static func phone(_ name: String) -> String {
        let number = name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) % 9_000_000 }
        return "+316\(10_000_000 + number)"
    }

    static func address(_ name: String) -> String { "\(name)@klant.example" }

    /// How many mails came for an event's address.
    func mails(_ name: String) -> Int { Self.mails(name, at: gateway) }

    static func mails(_ name: String, at gateway: Gateway) -> Int {
        gateway.providers.smtp.received().count { $0.recipients == [address(name)] }
    }

    /// A further organization with a key of its own.
    func organization(_ number: Int, isSeeded: Bool) async throws -> String {
        let id = "0195b1f0-0000-7000-8000-00000000000\(number)"
        _ = try await Daemon.run(
            ["organizations", "create", "--config", daemon.configURL.path, "--id", id, "--name", "Org \(number)"]
                + (isSeeded ? [] : ["--no-seed"]))
        return try await Daemon.run(
            ["keys", "create", "--config", daemon.configURL.path, "--organization", id, "--name", "test", "--role", "admin"])
    }
}

extension JSONValue {
    /// `channel audience outcome reason` of every decision of an answer.
    var words: [String] {
        (self["decisions"]?.arrayValue ?? []).map {
            "\($0.text("channel")) \($0.text("audience")) \($0.text("outcome")) \($0.text("reason"))"
        }
    }
}
