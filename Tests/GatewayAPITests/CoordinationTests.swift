import AdapterKit
import GatewayCore
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import GatewayAPI

/// What probes and figures say of the coordination with other nodes.
@Suite struct CoordinationTests {
    @Test func withoutRedisNothingIsSaidOfIt() async throws {
        try await APIBench.with { _, client in
            let ready = try await client.call(.get, "/readyz")
            #expect(ready.status == 200 && ready.json["redis"] == "off" && ready.json["status"] == "ok")
            #expect(try await !client.raw("/metrics", as: "operator").text.contains("gateway_redis"))
        }
    }

    @Test(arguments: [true, false]) func redisThatIsAwayDegradesAndStopsNothing(isUp: Bool) async throws {
        try await APIBench.with { bench, _ in
            var services = bench.services
            services.coordination = Fixed(
                figures: CoordinationFigures(isUp: isUp, reconnects: 3, degraded: .milliseconds(2500), nodes: 2))
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let api = try await GatewayAPI(services: services, configuration: APIConfiguration(), logger: logger)
            try await Application(router: api.buildRouter(), logger: logger).test(.router) { routes in
                let client = Client(client: routes, seen: SeenAnswers())
                let ready = try await client.call(.get, "/readyz")
                let word: JSONValue = isUp ? "ok" : "degraded"
                #expect(ready.status == 200 && ready.json["redis"] == word && ready.json["status"] == word)
                let figures = try await client.raw("/metrics", as: "operator").text
                for line in [
                    "gateway_redis_up \(isUp ? 1 : 0)", "gateway_redis_reconnects_total 3", "gateway_redis_degraded_seconds_total 2.5",
                    "gateway_nodes 2",
                ] { #expect(figures.contains("\n\(line)\n"), "\(line)") }
            }
        }
    }
}

private struct Fixed: CoordinationStatus {
    var figures: CoordinationFigures
}
