import AdapterKit
import NIOPosix
import Testing

@testable import ProviderSimulators

@Suite("The WhatsApp simulator", .timeLimit(.minutes(2)))
struct WhatsAppSimulatorTests {
    static let target = "/v23.0/\(WhatsAppSimulator.Options().phoneNumberID)/messages"
    static let headers = [HTTPHeader("Authorization", "Bearer " + WhatsAppSimulator.Options().accessToken.reveal())]

    static func text(to: String = "+31612345678") -> JSONValue {
        [
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": .string(to), "type": "text",
            "text": ["body": "Hello", "preview_url": false], "biz_opaque_callback_data": "tag-1",
        ]
    }

    static func send(_ message: JSONValue, over client: WireClient) async throws -> SeenReply {
        try await client.exchange("POST", target, headers: headers, body: message.bytes)
    }

    @Test("takes text, template and document")
    func happyPath() async throws {
        let server = try await WhatsAppSimulator.start()
        let client = try await WireClient(port: server.port)
        let reply = try await Self.send(Self.text(), over: client)
        #expect(reply.status == 200)
        #expect(reply.json?["messaging_product"]?.stringValue == "whatsapp")
        #expect(reply.json?["contacts"]?[0] == ["input": "+31612345678", "wa_id": "31612345678"])
        #expect(reply.json?["messages"]?[0]?["message_status"]?.stringValue == "accepted")
        let id = try #require(reply.json?["messages"]?[0]?["id"]?.stringValue)
        #expect(id.hasPrefix("wamid."))
        var template = Self.text()
        template = template.merging([
            "type": "template",
            "template": [
                "name": "quote", "language": ["code": "nl"],
                "components": [
                    ["type": "body", "parameters": [["type": "text", "text": "Jan"]]],
                    ["type": "button", "sub_type": "url", "index": "0", "parameters": [["type": "text", "text": "x"]]],
                ],
            ],
        ])
        #expect(try await Self.send(template, over: client).status == 200)
        let document = Self.text().merging(["type": "document", "document": ["link": "https://example.nl/q.pdf", "filename": "q.pdf"]])
        #expect(try await Self.send(document, over: client).status == 200)
        try await server.waitForCount(3, timeout: .seconds(30))
        let received = server.received()
        #expect(received.map(\.type) == ["text", "template", "document"])
        #expect(received[0].id == id)
        #expect(received[0].to == "31612345678")
        #expect(received[0].message == Self.text())
        #expect(Set(received.map(\.id)).count == 3)
        #expect(server.connections == 1)
        await server.stop()
    }

    @Test("refuses wrong tokens, numbers, paths and methods")
    func doors() async throws {
        let server = try await WhatsAppSimulator.start()
        let client = try await WireClient(port: server.port)
        let body = Self.text().bytes
        for headers in [[], [HTTPHeader("Authorization", "Bearer wrong")]] {
            let reply = try await client.exchange("POST", Self.target, headers: headers, body: body)
            #expect(reply.status == 401)
            #expect(reply.errorCode == 190)
        }
        let stranger = try await client.exchange("POST", "/v23.0/1/messages", headers: Self.headers, body: body)
        #expect(stranger.errorCode == 33)
        #expect(try await client.exchange("POST", "/messages", headers: Self.headers, body: body).status == 404)
        #expect(try await client.exchange("POST", "/x23.0/1/messages", headers: Self.headers, body: body).status == 404)
        #expect(try await client.exchange("GET", Self.target, headers: Self.headers).errorCode == 100)
        let probe = try await client.exchange("GET", Self.target.replacing("/messages", with: ""), headers: Self.headers)
        #expect(probe.json?["id"]?.stringValue == WhatsAppSimulator.Options().phoneNumberID)
        #expect(server.count == 0)
        await server.stop()
    }

    static let malformed: [(JSONValue, Int64)] = [
        ([], 100),
        (text().merging(["messaging_product": "sms"]), 100),
        (text().merging(["recipient_type": "group"]), 100),
        (text().merging(["to": nil]), 131_008),
        (text(to: "jan@example.nl"), 100),
        (text().merging(["type": "sticker"]), 131_051),
        (text().merging(["text": ["body": ""]]), 100),
        (text().merging(["text": ["body": .string(String(repeating: "x", count: 4097))]]), 100),
        (text().merging(["text": ["preview_url": "yes"]]), 100),
        (text().merging(["biz_opaque_callback_data": .string(String(repeating: "x", count: 513))]), 100),
        (text().merging(["context": [:]]), 100),
        (text().merging(["type": "document", "document": [:]]), 100),
        (text().merging(["type": "document", "document": ["id": "1", "link": "https://example.nl"]]), 100),
        (text().merging(["type": "document", "document": ["id": "1", "caption": .string(String(repeating: "x", count: 1025))]]), 100),
        (text().merging(["type": "template", "template": ["name": "quote"]]), 100),
        (text().merging(["type": "template", "template": ["language": ["code": "nl"]]]), 100),
        (template([["type": "footer"]]), 100),
        (template([["type": "button", "sub_type": "url"]]), 100),
        (template([["type": "body", "parameters": [["text": "x"]]]]), 100),
        (template([["type": "body", "parameters": [["type": "currency"]]]]), 100),
        (template([["type": "body", "parameters": [["type": "text", "text": "a\nb"]]]]), 132_018),
    ]

    static func template(_ components: JSONValue) -> JSONValue {
        text().merging(["type": "template", "template": ["name": "quote", "language": ["code": "nl"], "components": components]])
    }

    @Test("refuses malformed messages", arguments: malformed)
    func malformedMessage(_ message: JSONValue, _ code: Int64) async throws {
        let server = try await WhatsAppSimulator.start()
        let client = try await WireClient(port: server.port)
        let reply = try await Self.send(message, over: client)
        #expect(reply.status == 400)
        #expect(reply.errorCode == code)
        #expect(server.count == 0)
        let broken = try await client.exchange("POST", Self.target, headers: Self.headers, body: Array("{".utf8))
        #expect(broken.errorCode == 100)
        await server.stop()
    }

    @Test("misbehaves by number")
    func magicNumbers() async throws {
        var options = WhatsAppSimulator.Options()
        options.slowDelay = .milliseconds(50)
        let server = try await WhatsAppSimulator.start(options: options)
        let client = try await WireClient(port: server.port)
        let refused = try await Self.send(Self.text(to: "+9991131026"), over: client)
        #expect(refused.status == 400)
        #expect(refused.errorCode == 131_026)
        #expect(refused.json?["error"]?["is_transient"]?.boolValue == false)
        #expect(refused.json?["error"]?["error_data"]?["details"]?.stringValue == "Simulated")
        let throttled = try await Self.send(Self.text(to: "+9991130429"), over: client)
        #expect(throttled.status == 429)
        #expect(throttled.json?["error"]?["is_transient"]?.boolValue == true)
        let busy = try await Self.send(Self.text(to: "+9992503002"), over: client)
        #expect(busy.status == 503)
        #expect(busy.headers["retry-after"] == "2")
        let hidden = try await Self.send(Self.text(to: "+9994131047"), over: client)
        #expect(hidden.status == 200)
        #expect(hidden.errorCode == 131_047)
        #expect(server.count == 0)
        let started = ContinuousClock.now
        #expect(try await Self.send(Self.text(to: "+9996000000"), over: client).status == 200)
        #expect(ContinuousClock.now - started >= .milliseconds(50))
        #expect(server.count == 1)
        await server.stop()
    }

    @Test(
        "breaks connections by number",
        arguments: [
            ("+9993000002", WireClient.End.closed, 1), ("+9993000003", .closed, 1), ("+9993000004", .closed, 0), ("+9993000005", .reset, 0),
            ("+9993000006", .closed, 0),
        ])
    func wireFaults(_ number: String, _ end: WireClient.End, _ count: Int) async throws {
        let server = try await WhatsAppSimulator.start()
        let client = try await WireClient(port: server.port)
        try await client.send("POST", Self.target, headers: Self.headers, body: Self.text(to: number).bytes)
        let rest = try await client.rest()
        #expect(rest.end == end)
        #expect(server.count == count)
        switch number.last {
        case "3": #expect(rest.bytes.starts(with: Array("HTTP/1.1 200 OK\r\n".utf8)))
        case "4": #expect(rest.bytes == WireFault.garbageBytes)
        default: #expect(rest.bytes.isEmpty)
        }
        await server.stop()
    }

    @Test("hangs until it is stopped")
    func hang() async throws {
        // One loop serves both connections, so the first has been read once the second is answered.
        let server = try await WhatsAppSimulator.start(eventLoopGroup: MultiThreadedEventLoopGroup.singleton.next())
        let client = try await WireClient(port: server.port)
        try await client.send("POST", Self.target, headers: Self.headers, body: Self.text(to: "+9993000001").bytes)
        let other = try await WireClient(port: server.port)
        #expect(try await Self.send(Self.text(), over: other).status == 200)
        await server.stop()
        #expect(try await client.rest().bytes.isEmpty)
        #expect(server.count == 1)
    }

    @Test("follows a script before numbers, by turn")
    func script() async throws {
        let server = try await WhatsAppSimulator.start(script: [
            WhatsAppRule(to: "+31612345678", nth: 2...2, .error(GraphError(131_056))),
            WhatsAppRule(to: "9991131026", .answer(HTTPAnswer(503))),
        ])
        let client = try await WireClient(port: server.port)
        var statuses: [Int] = []
        for number in ["+31612345678", "+31612345678", "+31612345678", "+31687654321", "+9991131026"] {
            statuses.append(try await Self.send(Self.text(to: number), over: client).status)
        }
        #expect(statuses == [200, 429, 200, 200, 503])
        server.setScript([WhatsAppRule(.lostAnswer)])
        try await client.send("POST", Self.target, headers: Self.headers, body: Self.text().bytes)
        #expect(try await client.rest().bytes.isEmpty)
        #expect(server.count == 4)
        await server.stop()
    }

    @Test("counts without keeping")
    func countOnly() async throws {
        var options = WhatsAppSimulator.Options()
        options.keepMessages = false
        let server = try await WhatsAppSimulator.start(options: options)
        let client = try await WireClient(port: server.port)
        #expect(try await Self.send(Self.text(), over: client).status == 200)
        #expect(server.count == 1)
        #expect(server.received().isEmpty)
        await server.stop()
    }
}
