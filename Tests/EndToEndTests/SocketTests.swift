import AdapterKit
import Foundation
import Testing

/// What only shows on a socket: streams, bodies without a length, and what is no HTTP.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct SocketTests {
    @Test("case 70: a customer's page hears of the acceptance over its socket") func case70() async throws {
        try await Gateway.with { gateway in
            let token = try await gateway.daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote).json.text("publicToken")
            let page = try await TestSocket(port: gateway.daemon.port)
            try await page.write("GET /api/v1/public/quotes/\(token)/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            let head = try await page.text(until: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200") && head.lowercased().contains("content-type: text/event-stream"))
            #expect(try await page.text(until: "\n\n").contains("event: connected"))
            _ = try await gateway.daemon.call("POST", "/api/v1/public/quotes/\(token)/accept", ["signatureName": "Jan"])
            let frame = try await page.text(until: "\n\n")
            #expect(frame.contains("event: quote_accepted") && frame.contains("id: "))
            await page.close()
            let unknown = try await TestSocket(port: gateway.daemon.port)
            try await unknown.write("GET /api/v1/public/quotes/unknown/events HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await unknown.answer().status == 404)
            await unknown.close()
        }
    }

    @Test func theConsoleHearsOfADeliveryAsItHappens() async throws {
        try await Gateway.with { gateway in
            let console = try await TestSocket(port: gateway.daemon.port)
            try await console.write("GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(gateway.daemon.adminToken)\r\n\r\n")
            _ = try await console.text(until: "event: connected")
            let id = try await gateway.message("email", to: "a@klant.example", ["subject": "S", "text": "T"]).deliveryIDs[0]
            let until = try await console.text(until: "\"status\":\"succeeded\"")
            #expect(until.contains(id))
            await console.close()
        }
    }

    @Test func aStreamDoesNotHoldUpTheEnd() async throws {
        let gateway = try await Gateway()
        let console = try await TestSocket(port: gateway.daemon.port)
        try await console.write("GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(gateway.daemon.adminToken)\r\n\r\n")
        _ = try await console.text(until: "event: connected")
        let (status, _) = await gateway.stop()
        #expect(status == 0)
        await console.close()
    }

    @Test func aBodyWithoutALengthIsReadUpToTheLimit() async throws {
        try await Gateway.with { gateway in
            let socket = try await TestSocket(port: gateway.daemon.port)
            let head =
                "POST /api/v1/suppressions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(gateway.daemon.adminToken)\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            let small = #"{"channel":"email","endpoint":"a@b.example"}"#
            try await socket.write(head + "\(String(small.utf8.count, radix: 16))\r\n\(small)\r\n0\r\n\r\n")
            #expect(try await socket.answer().status == 201)
            try await socket.write(head)
            let chunk = "10000\r\n" + String(repeating: "a", count: 0x10000) + "\r\n"
            for _ in 0..<17 { try await socket.write(chunk) }
            try await socket.write("0\r\n\r\n")
            let large = try await socket.answer()
            #expect(large.status == 413 && large.body.contains("payload_too_large"))
            await socket.close()
        }
    }

    @Test(arguments: [
        "NONSENSE\r\n\r\n", "GET /healthz HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
        "POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ])
    func whatIsNoHTTPLeavesTheDaemonAsItWas(bytes: String) async throws {
        try await Gateway.with { gateway in
            let socket = try await TestSocket(port: gateway.daemon.port)
            try await socket.write(bytes)
            let answer = try? await socket.answer()
            #expect(answer.map { $0.status >= 400 && $0.status != 500 } ?? true)
            await socket.close()
            #expect(try await gateway.daemon.call("GET", "/healthz").status == 200)
        }
    }
}
