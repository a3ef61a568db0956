import AdapterKit
import GatewayCore
import GatewayTestKit
import Logging
import PostgresStore
import ServiceLifecycle
import StoreBackends
import Testing

@testable import GatewayRuntime

/// Wakes between nodes over the database that they share.
@Suite(.timeLimit(.minutes(2))) struct PostgresWakesTests {
    @Test func whatOneNodeTellsTheOthersHearAndItselfDoesNot() async throws {
        try await Nodes.with(3) { nodes, _ in
            nodes[0].wakes.publish([Wake(.email, dueIn: .milliseconds(250))])
            nodes[1].wakes.publish([Wake(nil, dueIn: .zero)])
            await nodes[2].heard.wait { $0.count == 3 }
            await nodes[1].heard.wait { $0.count == 2 }
            await nodes[0].heard.wait { $0.count == 2 }
            #expect(nodes[0].news == [.hearing, .wakes([Wake(nil, dueIn: .zero)])])
            #expect(nodes[1].news == [.hearing, .wakes([Wake(.email, dueIn: .milliseconds(250))])])
        }
    }

    @Test func manyAtOnceAreToldTogether() async throws {
        try await Nodes.with(2) { nodes, _ in
            for number in (0..<1000).reversed() {
                nodes[0].wakes.publish([Wake(.email, dueIn: .milliseconds(number)), Wake(.webhook, dueIn: .seconds(1))])
            }
            await nodes[1].heard.wait { $0.contains { $0.tells(Wake(.email, dueIn: .zero)) } }
            let told = nodes[1].news.count - 1
            #expect(told < 500, "\(told) notifications for 2000 wakes")
        }
    }

    @Test func aLostConnectionIsToldAndMadeAnew() async throws {
        try await Nodes.with(2) { nodes, database in
            for round in 1...3 {
                try await database.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'")
                for node in nodes {
                    await node.heard.wait { $0.count { $0 == .away } == round && $0.count { $0 == .hearing } == round + 1 }
                }
                nodes[1].wakes.publish([Wake(.sms, dueIn: .seconds(round))])
                await nodes[0].heard.wait { $0.contains { $0.tells(Wake(.sms, dueIn: .seconds(round))) } }
            }
        }
    }

    @Test func behindAPoolerNobodyListens() async throws {
        try await PostgresDatabase.with { database in
            let location = try PostgresLocation(url: database.pooledURL, pooler: .transaction)
            let store = try await database.store(isPooled: true)
            #expect(PostgresSignals(store, at: location, logger: Logger(label: "test")) == nil)
            await store.close()
        }
    }
}

/// Nodes that tell one another over one database, each with what it heard.
private struct Nodes {
    let wakes: PostgresWakes
    let heard = Watched<[WakeNews]>([])

    var news: [WakeNews] { heard.withLock { $0 } }

    private init(_ wakes: PostgresWakes) {
        self.wakes = wakes
        wakes.hear { [heard] news in heard.withLock { $0.append(news) } }
    }

    /// Runs them beside `body`, all hearing when it begins, and stops them as a daemon does.
    static func with(_ count: Int, _ body: ([Nodes], PostgresDatabase) async throws -> Void) async throws {
        try await PostgresDatabase.with { database in
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let store = try await database.store()
            let location = try PostgresLocation(url: database.url)
            let nodes = try (0..<count).map { _ in
                Nodes(PostgresWakes(try #require(PostgresSignals(store, at: location, logger: logger)), clock: SystemClock()))
            }
            let group = ServiceGroup(services: nodes.map(\.wakes), logger: logger)
            async let running: Void = group.run()
            for node in nodes { await node.heard.wait { $0 == [.hearing] } }
            do { try await body(nodes, database) } catch {
                await group.triggerGracefulShutdown()
                try await running
                await store.close()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await running
            await store.close()
        }
    }
}

extension WakeNews {
    fileprivate func tells(_ wake: Wake) -> Bool { if case .wakes(let wakes) = self { wakes.contains(wake) } else { false } }
}

extension ChannelName {
    fileprivate static let sms: ChannelName = "sms"
}
