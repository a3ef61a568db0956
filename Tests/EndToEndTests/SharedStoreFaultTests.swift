import AdapterKit
import Foundation
import GatewayTestKit
import PostgresTesting
import ProviderSimulators
import RedisTesting
import StoreBackends
import Testing

/// Two daemons over one PostgreSQL while something of it fails, again and again: nothing is lost, and every repeat can be seen.
@Suite(.serialized)
struct SharedStoreFaultTests {
    /// Hands in some messages `rounds` times, with a fault in the midst of each round; prints the counts.
    private func expectNothingLost(
        _ what: String, rounds: Int, of count: Int = 60, on cluster: Cluster, fault: @escaping @Sendable () async throws -> Void
    ) async throws {
        cluster.slowProvidersDown()
        var accepted: Set<String> = []
        for round in 0..<rounds {
            let loads = (0..<count).map { cluster.load(round, $0) }
            async let taken = cluster.accept(loads)
            try await fault()
            accepted.formUnion(try await taken)
        }
        let repeats = try await cluster.expectNothingLost(of: accepted)
        print("\(what), \(rounds) times: \(accepted.count) accepted, 0 lost, 0 unaccounted, \(repeats) repeats, all flagged")
    }

    @Test(arguments: [false, true]) func oneOfTwoNodesIsKilled(isPooled: Bool) async throws {
        try await Cluster.with(channels: Cluster.quick, more: Cluster.shortLeases, isPooled: isPooled) { cluster, _ in
            let second = cluster.second
            try await expectNothingLost("one of two nodes killed\(behind(isPooled))", rounds: 6, on: cluster) {
                try await cluster.gateway.providers.webhook.waitForCount(
                    cluster.gateway.providers.webhook.count + Int.random(in: 1...8), timeout: .seconds(30))
                await second.killHard()
                try await second.start()
            }
        }
    }

    @Test(arguments: [false, true]) func theDatabaseCrashes(isPooled: Bool) async throws {
        try await Cluster.withServer(channels: Cluster.quick, more: Cluster.shortLeases, isPooled: isPooled) { cluster, server in
            try await expectNothingLost("the database crashed under load\(behind(isPooled))", rounds: 4, on: cluster) {
                try await cluster.gateway.providers.webhook.waitForCount(
                    cluster.gateway.providers.webhook.count + Int.random(in: 1...8), timeout: .seconds(30))
                await server.stop(.immediate)
                try await server.start()
            }
        }
    }

    /// Once a second, for half a minute.
    @Test(arguments: [false, true]) func everySessionIsEnded(isPooled: Bool) async throws {
        try await Cluster.with(channels: Cluster.quick, more: Cluster.shortLeases, isPooled: isPooled) { cluster, database in
            try await expectNothingLost("every session ended\(behind(isPooled))", rounds: isPooled ? 5 : 30, of: 20, on: cluster) {
                try await Task.sleep(for: .seconds(1))
                let ended = try await database.values(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """, as: Int.self)
                #expect(ended.first ?? 0 > 0)
            }
        }
    }

    /// One node's way to the database is cut for longer than its leases: the other takes over, and the first writes nothing of what it held.
    @Test func theNetworkToTheDatabaseIsCut() async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            let server = try await PostgresServer.shared
            let relay = try await TCPRelay(to: { [server.port] })
            let far = server.urlOverTCP(database.url).replacing(":\(server.port)/", with: ":\(relay.port)/")
            do {
                try await Cluster.with(
                    store: "url: \"\(database.url)\"", channels: Cluster.quick, more: Cluster.shortLeases,
                    environment: ["GATEWAYD_STORE_URL": far]
                ) { cluster in
                    let webhook = cluster.gateway.providers.webhook
                    webhook.setScript([WebhookRule(.held(.answer(HTTPAnswer(200))))])
                    let loads = (0..<40).map { index in
                        Cluster.Load(
                            channel: "webhook", to: "\(cluster.gateway.providers.webhookURL)/\(index)", key: "cut-\(index)")
                    }
                    let accepted = try await cluster.accept(loads)
                    try await webhook.waitForCount(40, timeout: .seconds(30))
                    relay.cut()
                    // What the cut node had begun is begun again by the other once its leases are over.
                    try await webhook.waitForCount(41, timeout: .seconds(60))
                    webhook.setScript([])
                    webhook.release()
                    relay.mend()
                    let repeats = try await cluster.expectNothingLost(of: accepted)
                    #expect(repeats > 0)
                    print("the network to the database cut: \(accepted.count) accepted, 0 lost, \(repeats) repeats, all flagged")
                }
            } catch {
                await relay.stop()
                throw error
            }
            await relay.stop()
        }
    }

    /// Nodes are restarted one after the other while messages come in: no call fails, nothing is lost and nothing is repeated.
    @Test func nodesAreRestartedOneAfterTheOther() async throws {
        try await Cluster.with(channels: Cluster.quick, more: "shutdown: { drain: 1s }") { cluster, _ in
            let turn = Watched(0)
            let nodes = cluster.nodes
            let balancer = try await TCPRelay(to: {
                let number = turn.withLock { turn in
                    turn += 1
                    return turn
                }
                // As a balancer does that asks whether a node is ready, until one is.
                let ready = try? await nodes[0].look("at who is ready") { () async throws -> Int? in
                    for place in 0..<nodes.count {
                        let node = nodes[(number + place) % nodes.count]
                        let port = node.port
                        if let reply = try? await node.call("GET", "/readyz"), reply.status == 200 { return port }
                    }
                    return nil
                }
                return ready.map { [$0] } ?? []
            })
            let isOver = Watched(false)
            let load = Task {
                try await withThrowingTaskGroup(of: [(Int, String?)].self) { group in
                    for caller in 0..<4 {
                        group.addTask {
                            var replies: [(Int, String?)] = []
                            while !isOver.withLock({ $0 }) {
                                let load = cluster.load(caller, replies.count)
                                let reply = try await cluster.first.call(
                                    "POST", "/api/v1/messages",
                                    [
                                        "channel": .string(load.channel), "to": .string(load.to),
                                        "content": Gateway.content(of: load.channel),
                                        "idempotencyKey": .string(load.key),
                                    ], port: balancer.port)
                                replies.append((reply.status, reply.json.deliveryIDs.first))
                            }
                            return replies
                        }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
            }
            do {
                for round in 0..<4 {
                    let node = nodes[round % 2]
                    node.signal(SIGTERM)
                    #expect(await node.ended().status == 0)
                    try await node.start()
                }
            } catch {
                isOver.withLock { $0 = true }
                _ = try? await load.value
                await balancer.stop()
                throw error
            }
            isOver.withLock { $0 = true }
            let replies = try await load.value
            await balancer.stop()
            #expect(replies.allSatisfy { $0.0 == 202 })
            let repeats = try await cluster.expectNothingLost(of: Set(replies.compactMap(\.1)))
            #expect(repeats == 0)
            print("nodes restarted 4 times under load: \(replies.count) calls, 0 failed, 0 lost, \(repeats) repeats")
        }
    }

    /// Redis wakes the nodes and shares their limits, and vanishes in the midst of it, with all that it held.
    @Test func redisIsKilledAndRestarted() async throws {
        let redis = try await RedisServer()
        let more = Cluster.shortLeases + "\nredis: { url: \"\(redis.url)\" }"
        try await Cluster.with(channels: Cluster.quick + ", rate: 200", more: more) { cluster, _ in
            try await expectNothingLost("Redis killed and restarted", rounds: 4, on: cluster) {
                await redis.kill()
                try await redis.start()
            }
        }
        await redis.kill()
    }

    private func behind(_ isPooled: Bool) -> String { isPooled ? " behind a pooler" : "" }
}
