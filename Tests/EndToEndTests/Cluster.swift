import AdapterKit
import Foundation
import PostgresTesting
import ProviderSimulators
import StoreBackends
import Testing

/// Two daemons over one PostgreSQL, and the providers' stand-ins.
struct Cluster {
    let gateway: Gateway
    let second: Daemon

    var first: Daemon { gateway.daemon }
    var nodes: [Daemon] { [first, second] }

    static let quick = ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms"
    /// So that what a killed node held is free again soon.
    static let shortLeases = "dispatch: { lease: 3s }"

    /// Runs `body` on two nodes over that store, and stops them whatever comes; both have to end well.
    ///
    /// - Parameters:
    ///   - store: the store's section of the configuration.
    ///   - channels: further keys of each channel's section.
    ///   - environment: laid over the configuration of the second node.
    static func with(
        store: String, channels: String = "", more: String = "", environment: [String: String] = [:],
        _ body: (Cluster) async throws -> Void
    ) async throws {
        try await Gateway.with(email: channels, whatsapp: channels, webhook: channels, more: more, store: store) { gateway in
            try await Daemon.with(beside: gateway.daemon, environment: environment) { second in
                try await body(Cluster(gateway: gateway, second: second))
            }
        }
    }

    /// The same over a database of its own, on the server that the tests share.
    static func with(
        channels: String = "", more: String = "", isPooled: Bool = false, _ body: (Cluster, PostgresDatabase) async throws -> Void
    ) async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            let store = isPooled ? "url: \"\(database.pooledURL)\", pooler: transaction" : "url: \"\(database.url)\""
            try await with(store: store, channels: channels, more: more) { cluster in try await body(cluster, database) }
        }
    }

    /// The same over a server of its own, which may be stopped.
    static func withServer(
        channels: String = "", more: String = "", isPooled: Bool = false, _ body: (Cluster, PostgresServer) async throws -> Void
    ) async throws {
        let server = try await PostgresServer()
        do {
            let url = try await server.database()
            let store = isPooled ? "url: \"\(try await server.pooler().url(url))\", pooler: transaction" : "url: \"\(url)\""
            try await with(store: store, channels: channels, more: more) { cluster in try await body(cluster, server) }
        } catch {
            await server.stop(.immediate)
            throw error
        }
        await server.stop(.fast)
    }

    // MARK: Load

    /// A message of a channel's to an address of its own, and the key under which it may be repeated.
    struct Load: Sendable {
        var channel: String
        var to: String
        var key: String
    }

    func load(_ round: Int, _ index: Int) -> Load {
        let channel = ["email", "webhook", "whatsapp"][index % 3]
        let to = [
            "r\(round)i\(index)@klant.example", "\(gateway.providers.webhookURL)/\(index % 10)/r\(round)",
            "+3161\(1_000_000 + round * 1000 + index)",
        ][index % 3]
        return Load(channel: channel, to: to, key: "r\(round)-\(index)")
    }

    /// Hands messages in at both nodes, each again under its key until it is taken; answers the deliveries.
    func accept(_ loads: [Load]) async throws -> Set<String> {
        try await withThrowingTaskGroup(of: String.self) { group in
            for (number, load) in loads.enumerated() {
                let node = nodes[number % 2]
                group.addTask {
                    try await node.look("at a message that is taken") {
                        let body: JSONValue = [
                            "channel": .string(load.channel), "to": .string(load.to), "content": Gateway.content(of: load.channel),
                            "idempotencyKey": .string(load.key),
                        ]
                        guard let reply = try? await node.call("POST", "/api/v1/messages", body), (200...202).contains(reply.status) else {
                            return nil
                        }
                        return reply.json.deliveryIDs.first
                    }
                }
            }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
    }

    /// What a fault may leave behind: nothing lost, nothing that is not accounted for, and no repeat that cannot be seen. Answers how many
    /// arrived more than once.
    @discardableResult
    func expectNothingLost(of accepted: Set<String>) async throws -> Int {
        let ended = try await first.deliveries { all in
            all.count == accepted.count && all.allSatisfy { ["succeeded", "unknown"].contains($0.text("status")) }
        }
        #expect(Set(ended.map { $0.text("id") }) == accepted)
        var repeats = 0
        for delivery in ended {
            let arrivals = gateway.arrivals(of: delivery.text("id"))
            if delivery.text("channel") == "whatsapp" {
                #expect(arrivals == 1 || arrivals == 0 && delivery.text("status") == "unknown")
            } else {
                #expect(arrivals >= 1 && delivery.text("status") == "succeeded")
                if arrivals > 1 {
                    repeats += 1
                    #expect(delivery.isPossibleDuplicate)
                }
            }
        }
        let health = try await first.call("GET", "/api/v1/outbox/health")
        #expect(health.json["unaccounted"]?.intValue == 0 && health.json["states"]?["processing"]?.intValue == 0)
        return repeats
    }

    /// Providers take their time over some, so that a fault finds tries under way.
    func slowProvidersDown() {
        gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, recipient: .localPartContains("7"), .delay(.milliseconds(60)))])
        gateway.providers.whatsapp.setScript([WhatsAppRule(.delay(.milliseconds(30)))])
        gateway.providers.webhook.setScript([WebhookRule(path: "/7", .after(.milliseconds(60), .answer(HTTPAnswer(200))))])
    }
}
