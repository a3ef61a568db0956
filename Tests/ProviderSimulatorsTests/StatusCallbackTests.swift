import AdapterKit
import NIOPosix
import Signing
import Testing

@testable import ProviderSimulators

@Suite("The WhatsApp simulator's callbacks", .timeLimit(.minutes(2)))
struct StatusCallbackTests {
    @Test("reports sent, delivered and read in order, signed, and again when it was not heard")
    func statuses() async throws {
        let receiver = try await WebhookSimulator.start(script: [WebhookRule(nth: 1...1, .answer(HTTPAnswer(503)))])
        var options = WhatsAppSimulator.Options()
        options.callbackURL = WebURL(receiver.url + "/callbacks")
        let server = try await WhatsAppSimulator.start(options: options)
        let client = try await WireClient(port: server.port)
        let reply = try await WhatsAppSimulatorTests.send(WhatsAppSimulatorTests.text(), over: client)
        let id = try #require(reply.json?["messages"]?[0]?["id"]?.stringValue)
        try await server.waitForCallbacks(3, timeout: .seconds(30))
        #expect(server.callbackCount == 3)
        let received = receiver.received()
        let reports = try received.map { try status(in: $0.request) }
        #expect(reports.map { $0["status"]?.stringValue } == ["sent", "sent", "delivered", "read"])
        #expect(reports.allSatisfy { $0["id"]?.stringValue == id && $0["recipient_id"]?.stringValue == "31612345678" })
        #expect(reports.allSatisfy { $0["biz_opaque_callback_data"]?.stringValue == "tag-1" })
        #expect(reports.allSatisfy { $0["timestamp"]?.stringValue.flatMap { Int($0) } != nil })
        let key = HMACSHA256(key: Array(options.appSecret.reveal().utf8))
        for request in received.map(\.request) {
            #expect(request.header("X-Hub-Signature-256") == "sha256=" + Hex.encode(key.code(for: request.body)))
            #expect(request.target == "/callbacks")
        }
        await server.stop()
        await receiver.stop()
    }

    @Test("reports a failure with its error, to an address given later")
    func failure() async throws {
        let receiver = try await WebhookSimulator.start()
        let server = try await WhatsAppSimulator.start()
        let client = try await WireClient(port: server.port)
        _ = try await WhatsAppSimulatorTests.send(WhatsAppSimulatorTests.text(), over: client)
        server.setCallbackURL(WebURL(receiver.url))
        let reply = try await WhatsAppSimulatorTests.send(WhatsAppSimulatorTests.text(to: "+9995131026"), over: client)
        #expect(reply.status == 200)
        try await server.waitForCallbacks(1, timeout: .seconds(30))
        let report = try status(in: receiver.received()[0].request)
        #expect(report["status"]?.stringValue == "failed")
        #expect(report["errors"]?[0]?["code"]?.intValue == 131_026)
        #expect(receiver.count == 1)
        await server.stop()
        await receiver.stop()
    }

    @Test("asks for the challenge, and believes nothing else")
    func verification() async throws {
        var options = WhatsAppSimulator.Options()
        options.verifyToken = Secret("a token & more")
        let gateway = try await Listener.start(host: "127.0.0.1", port: 0, group: MultiThreadedEventLoopGroup.singleton) {
            channel, number in
            try HTTPServerHandler.install(on: channel, connection: number, gate: HoldGate(), clock: SystemClock()) { request in
                let isRight = request.query("hub.mode") == "subscribe" && request.query("hub.verify_token") == "a%20token%20%26%20more"
                guard isRight, let challenge = request.query("hub.challenge") else { return .answer(HTTPAnswer(403)) }
                return .answer(HTTPAnswer(200, body: Array((request.path == "/liar" ? "x" + challenge : challenge).utf8)))
            }
        }
        let server = try await WhatsAppSimulator.start(options: options)
        await #expect(throws: SimulatorError.self) { try await server.verifyCallback() }
        server.setCallbackURL(WebURL("http://127.0.0.1:\(gateway.port)/callbacks?channel=whatsapp"))
        try await server.verifyCallback()
        server.setCallbackURL(WebURL("http://127.0.0.1:\(gateway.port)/liar"))
        await #expect(throws: SimulatorError.self) { try await server.verifyCallback() }
        await server.stop()
        await gateway.stop()
    }

    @Test("stops in the midst of a callback that is never answered")
    func stopWhileSending() async throws {
        let receiver = try await WebhookSimulator.start()
        var options = WhatsAppSimulator.Options()
        options.callbackURL = WebURL(receiver.url + "/hang")
        let server = try await WhatsAppSimulator.start(options: options)
        let client = try await WireClient(port: server.port)
        _ = try await WhatsAppSimulatorTests.send(WhatsAppSimulatorTests.text(), over: client)
        try await receiver.waitForCount(1, timeout: .seconds(30))
        await server.stop()
        await #expect(throws: SimulatorError.stopped) { try await server.waitForCallbacks(1, timeout: .seconds(30)) }
        #expect(receiver.count == 1)
        await receiver.stop()
    }

    private func status(in request: ReceivedRequest) throws -> JSONValue {
        let body = try JSONValue(parsing: request.body)
        return try #require(body["entry"]?[0]?["changes"]?[0]?["value"]?["statuses"]?[0])
    }
}
