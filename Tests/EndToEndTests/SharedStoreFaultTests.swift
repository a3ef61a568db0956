import AdapterKit
import Foundation
import PostgresTesting
import ProviderSimulators
import StoreBackends
import Testing

/// Two daemons over one PostgreSQL while something of it fails, again and again: nothing is lost, and every repeat can be seen.
@Suite(.serialized)
struct SharedStoreFaultTests {
    /// Hands in `rounds` times 60 messages with a fault in the midst of each; prints the counts.
    private func expectNothingLost(
        _ what: String, rounds: Int, on cluster: Cluster, fault: @escaping @Sendable () async throws -> Void
    ) async throws {
        cluster.slowProvidersDown()
        var accepted: Set<String> = []
        for round in 0..<rounds {
            let loads = (0..<60).map { cluster.load(round, $0) }
            async let taken = cluster.accept(loads)
            try await fault()
            accepted.formUnion(try await taken)
        }
        let repeats = try await cluster.expectNothingLost(of: accepted)
        print("\(what), \(rounds) times: \(accepted.count) accepted, 0 lost, 0 unaccounted, \(repeats) repeats, all flagged")
    }

    @Test func oneOfTwoNodesIsKilled() async throws {
        try await Cluster.with(channels: Cluster.quick, more: Cluster.shortLeases) { cluster, _ in
            let second = cluster.second
            try await expectNothingLost("one of two nodes killed", rounds: 6, on: cluster) {
                try await cluster.gateway.providers.webhook.waitForCount(
                    cluster.gateway.providers.webhook.count + Int.random(in: 1...8), timeout: .seconds(30))
                await second.killHard()
                try await second.start()
            }
        }
    }

    @Test func theDatabaseCrashes() async throws {
        try await Cluster.withServer(channels: Cluster.quick, more: Cluster.shortLeases) { cluster, server in
            try await expectNothingLost("the database crashed under load", rounds: 4, on: cluster) {
                try await cluster.gateway.providers.webhook.waitForCount(
                    cluster.gateway.providers.webhook.count + Int.random(in: 1...8), timeout: .seconds(30))
                await server.stop(.immediate)
                try await server.start()
            }
        }
    }

    @Test func everySessionIsEnded() async throws {
        try await Cluster.with(channels: Cluster.quick, more: Cluster.shortLeases) { cluster, database in
            try await expectNothingLost("every session ended", rounds: 10, on: cluster) {
                _ = try await database.values(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """, as: Int.self)
            }
        }
    }

    /// The same road through a pooler that gives each transaction another session.
    @Test func aPoolerStandsInBetween() async throws {
        try await Cluster.with(channels: Cluster.quick, more: Cluster.shortLeases, isPooled: true) { cluster, _ in
            let second = cluster.second
            try await expectNothingLost("one of two nodes killed behind a pooler", rounds: 2, on: cluster) {
                await second.killHard()
                try await second.start()
            }
        }
    }
}
