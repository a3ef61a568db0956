import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// Clients who do not end what they began hold up no stop, and no stop makes the daemon begin anything more.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct StubbornClientTests {
    /// Runs `body`, and stops the gateway while what `body` left open is still open.
    private func expectStop(_ body: (Gateway) async throws -> TestSocket) async throws {
        let gateway = try await Gateway(more: "shutdown: { grace: 500ms }")
        do {
            let client = try await body(gateway)
            // Far less than the server's own limit on silence.
            #expect(await gateway.stop(within: .seconds(30)).status == 0)
            await client.close()
        } catch {
            await gateway.stop(within: .seconds(30))
            throw error
        }
    }

    /// A connection on which a call has begun whose body is still to come.
    private func beginCall(_ path: String, _ body: String, length: Int, at daemon: Daemon) async throws -> TestSocket {
        let client = try await TestSocket(port: daemon.port)
        // Once what goes before is answered, the call has been seen: both came together.
        try await client.write(
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(daemon.adminToken)\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(length)\r\n\r\n\(body)")
        #expect(try await client.answer().status == 200)
        return client
    }

    @Test(arguments: ["/api/v1/messages", "/api/v1/callbacks/whatsapp/default"])
    func aBodyThatNeverComes(path: String) async throws {
        try await expectStop { try await beginCall(path, "{", length: 1000, at: $0.daemon) }
    }

    @Test(arguments: ["/api/v1/messages", "/api/v1/callbacks/whatsapp/default"])
    func aBodyThatComesByteByByte(path: String) async throws {
        try await expectStop { gateway in
            let client = try await beginCall(path, "{", length: 1_000_000, at: gateway.daemon)
            client.keepWriting(" ", every: .milliseconds(50))
            return client
        }
    }

    @Test func aStreamThatNobodyReads() async throws {
        try await expectStop { gateway in
            let reader = try await TestSocket(port: gateway.daemon.port)
            try await reader.write(
                "GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(gateway.daemon.adminToken)\r\n\r\n")
            _ = try await reader.text(until: "event: connected")
            reader.stopReading()
            // More than the system holds for a connection.
            let target = gateway.providers.webhookURL + "/" + String(repeating: "a", count: 1800)
            let message: JSONValue = ["channel": "webhook", "to": .string(target), "content": Gateway.content(of: "webhook")]
            for _ in 0..<4 {
                let reply = try await gateway.daemon.call(
                    "POST", "/api/v1/messages/batch", ["messages": .array(Array(repeating: message, count: 500))])
                #expect(reply.status == 202)
            }
            try await gateway.providers.webhook.waitForCount(2000, timeout: .seconds(60))
            return reader
        }
    }

    @Test func aCommandThatNeverComes() async throws {
        try await expectStop { gateway in
            let client = try await TestSocket(path: gateway.daemon.folder.path + "/gatewayd.db.sock")
            try await client.write("{")
            return client
        }
    }

    @Test func whatIsAcceptedDuringTheStopIsKeptForTheNextStart() async throws {
        try await Gateway.with(more: "shutdown: { grace: 60s }") { gateway in
            let body = #"{"channel":"email","to":"a@klant.example","content":{"subject":"S","text":"T"}}"#
            let client = try await beginCall("/api/v1/messages", String(body.dropLast()), length: body.utf8.count, at: gateway.daemon)
            gateway.daemon.signal(SIGTERM)
            try await gateway.daemon.waitUntilClosed()
            try await client.write("}")
            let answer = try await client.answer()
            #expect(answer.status == 202)
            #expect(await gateway.daemon.ended().status == 0)
            await client.close()
            #expect(gateway.providers.smtp.count == 0, "the dispatcher does not wait for the interface's clients")

            try await gateway.daemon.start()
            let id = try #require(try JSONValue(parsing: answer.body).deliveryIDs.first)
            let delivery = try await gateway.delivery(id, until: "succeeded")
            #expect(delivery.attempts == ["accepted"] && gateway.arrivals(of: id) == 1)
        }
    }
}
