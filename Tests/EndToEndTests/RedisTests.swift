import AdapterKit
import Foundation
import RedisTesting
import Testing

/// The daemon with a Redis server beside it that comes and goes.
@Suite(.timeLimit(.minutes(3))) struct RedisTests {
    @Test func deliversWithRedisAndWithoutAndSaysWhichItIs() async throws {
        let server = try await RedisServer()
        try await Gateway.with(email: ", rate: 50", more: "redis: { url: \"\(server.url)\" }") { gateway in
            try await expect(gateway, "ok")
            for round in 1...2 {
                _ = try await gateway.message("email", to: "with\(round)@klant.example", ["subject": "S", "text": "T"])
                _ = try await gateway.daemon.deliveries { $0.count == 2 * round - 1 && $0.allSatisfy { $0.text("status") == "succeeded" } }
                await server.kill()
                try await expect(gateway, "degraded")
                _ = try await gateway.message("email", to: "without\(round)@klant.example", ["subject": "S", "text": "T"])
                _ = try await gateway.daemon.deliveries { $0.count == 2 * round && $0.allSatisfy { $0.text("status") == "succeeded" } }
                try await server.start()
                try await expect(gateway, "ok")
            }
            gateway.daemon.signal(15)
            let log = await gateway.daemon.ended().log
            #expect(log.split(separator: "\n").count { $0.contains("redis is away") } == 2)
            #expect(log.split(separator: "\n").count { $0.contains("redis is back") } == 2)
        }
        await server.kill()
    }

    @Test func aCheckHasALineForRedis() async throws {
        let server = try await RedisServer(settings: ["requirepass": "s3cret"])
        let command = try Command()
        defer { command.remove() }
        for (url, line) in [
            ("redis://:s3cret@127.0.0.1:\(server.port)", "ok  redis"), ("redis://:wrong@127.0.0.1:\(server.port)", "FAIL  redis"),
            ("unix:/nonexistent", "FAIL  redis"),
        ] {
            let output = try await RunningProcess(
                Daemon.binary, ["check", "--config", command.configURL.path],
                environment: ProcessInfo.processInfo.environment.merging(["GATEWAYD_REDIS_URL": url]) { $1 }
            ).result().1
            #expect(output.contains(line), "\(url): \(output)")
            #expect(!output.contains("s3cret") && !output.contains("wrong@"))
        }
        await server.kill()
    }

    /// Looks until the daemon says so, ready all the same.
    private func expect(_ gateway: Gateway, _ state: String) async throws {
        try await gateway.daemon.look("at Redis being \(state)") {
            let reply = try await gateway.daemon.call("GET", "/readyz")
            #expect(reply.status == 200)
            return reply.json.text("redis") == state && reply.json.text("status") == state ? () : nil
        }
    }
}
