import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Logging
import RedisTesting
import Synchronization

@testable import RedisCoordination

/// A Redis server with some nodes that coordinate over it, on the machine's own time.
struct Fleet: Sendable {
    let server: RedisServer
    let members: [Member]

    /// Runs `count` nodes beside `body`, all of them connected when it begins.
    static func with(_ count: Int, settings: [String: String] = [:], _ body: (Fleet) async throws -> Void) async throws {
        let server = try await RedisServer(settings: settings)
        let members = try (0..<count).map { _ in try Member(server) }
        let fleet = Fleet(server: server, members: members)
        do {
            for member in members { try await member.knows(nodes: count) }
            try await body(fleet)
        } catch {
            await fleet.end()
            throw error
        }
        await fleet.end()
    }

    private func end() async {
        server.resume()
        for member in members { await member.stop() }
        await server.kill()
    }
}

/// One node, and what it heard and logged.
final class Member: Sendable {
    let coordination: RedisCoordination
    let log = Watched<[String]>([])
    let wakes = Watched<[WakeNews]>([])
    let circuits = Watched<[CircuitNews]>([])
    let changes = Watched<[DeliveryChangeNotice]>([])
    private let running: Task<Void, any Error>

    init(_ server: RedisServer) throws {
        let logger = Logger(label: "test", factory: { [log] _ in LineLog(lines: log) })
        // Long enough for a machine that has much else to do; how short they really are is another test's.
        var configuration = try RedisConfiguration(url: server.url)
        (configuration.timeout, configuration.connectTimeout, configuration.patience) = (.seconds(2), .seconds(2), .seconds(1))
        let coordination = RedisCoordination(
            configuration, hasher: Lengths(), clock: SystemClock(), logger: logger)
        self.coordination = coordination
        coordination.hear { [wakes] news in wakes.withLock { $0.append(news) } }
        coordination.hear { [circuits] news, _ in circuits.withLock { $0.append(news) } }
        coordination.hear { [changes] notices in changes.withLock { $0 += notices } }
        running = Task { try await coordination.run() }
    }

    func stop() async {
        running.cancel()
        _ = try? await running.value
    }

    /// Looks until so many nodes are known, and Redis is there.
    func knows(nodes: Int) async throws {
        while !coordination.figures.isUp || coordination.figures.nodes != nodes { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// Waits until what was logged last begins so.
    func says(_ line: String) async { await log.wait { $0.last?.hasPrefix(line) == true } }
    var lines: [String] { log.withLock { $0 } }

    /// How often Redis was away, when each time was told once and so was its end; nil otherwise. On a machine that has much else to do it may
    /// be away more often than a test made it.
    var outages: Int? {
        let states = lines.map { $0.hasPrefix("redis is away") }
        let isTurnAbout = zip(states, states.dropFirst()).allSatisfy { $0 != $1 }
        return isTurnAbout ? states.count { $0 } : nil
    }

    /// Names addresses by their length: enough for tests with few of them.
    private struct Lengths: AddressHasher {
        func hash(_ address: String) -> String { "\(address.utf8.count)" }
    }
}

/// Remembers each line with its reason.
private struct LineLog: LogHandler {
    let lines: Watched<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let why = event.metadata?["why"].map { " (\($0))" } ?? ""
        lines.withLock { $0.append("\(event.message)\(why)") }
    }
}
