import AdapterKit
import ProviderSimulators
import Testing

@Suite("Waiting for a simulator and stopping it", .timeLimit(.minutes(2)))
struct SimulatorLifeTests {
    @Test("a wait ends with the record it waits for, or at once when it is there")
    func fulfilled() async throws {
        let server = try await WebhookSimulator.start()
        async let waiting: Void = server.waitForCount(2, timeout: .seconds(30))
        let client = try await WireClient(port: server.port)
        for _ in 0..<2 { _ = try await client.exchange("POST", "/") }
        try await waiting
        #expect(server.count == 2)
        try await server.waitForCount(1, timeout: .zero)
        await server.stop()
        try await server.waitForCount(2, timeout: .seconds(30))
    }

    @Test("a wait ends with its time, with its task, and with the simulator")
    func broken() async throws {
        let server = try await WebhookSimulator.start()
        await #expect(throws: SimulatorError.timedOut(expected: 1, count: 0)) {
            try await server.waitForCount(1, timeout: .milliseconds(1))
        }
        let cancelled = Task { try await server.waitForCount(1, timeout: .seconds(3600)) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        let stopped = Task { try await server.waitForCount(1, timeout: .seconds(3600)) }
        await server.stop()
        await #expect(throws: SimulatorError.stopped) { try await stopped.value }
        await #expect(throws: SimulatorError.stopped) { try await server.waitForCount(1, timeout: .seconds(3600)) }
    }

    @Test("stopping closes every connection and the socket, and once more does no harm")
    func stopping() async throws {
        let server = try await SMTPSimulator.start()
        let port = server.port
        let clients = [try await WireClient.greeted(port), try await WireClient.greeted(port)]
        await server.stop()
        await server.stop()
        for client in clients { #expect(try await client.rest().bytes.isEmpty) }
        await #expect(throws: (any Error).self) { try await WireClient(port: port) }
    }

    @Test("the set starts all three, each ready for a message, and stops them")
    func simulatorSet() async throws {
        let set = try await SimulatorSet.start()
        let mail = try await WireClient.greeted(set.smtpPort)
        #expect(try await mail.mail().hasPrefix("250"))
        let whatsapp = try await WireClient(port: set.whatsapp.port)
        let authorization = HTTPHeader("Authorization", "Bearer " + set.whatsappAccessToken.reveal())
        let reply = try await whatsapp.exchange("GET", "/v23.0/\(set.whatsappPhoneNumberID)", headers: [authorization])
        #expect(reply.json?["id"]?.stringValue == set.whatsappPhoneNumberID)
        let webhook = try await WireClient(port: set.webhook.port)
        #expect(try await webhook.exchange("POST", "/").status == 200)
        #expect(WebURL(set.whatsappURL)?.port == set.whatsapp.port)
        #expect(WebURL(set.webhookURL)?.port == set.webhook.port)
        let secrets = [set.whatsappAccessToken, set.whatsappAppSecret, set.whatsappVerifyToken, set.webhookSecret]
        #expect(Set(secrets).count == 4)
        await set.stop()
        await set.stop()
        #expect(try await mail.rest().bytes.isEmpty)
    }
}
