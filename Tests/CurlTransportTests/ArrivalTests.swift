import AdapterKit
import CurlTransport
import NIOCore
import ProviderSimulators
import Testing
import WireTestKit

/// In each phase a request can fail in: the reason, and the truth about whether the far end may have acted on it.
@Suite(.timeLimit(.minutes(2)))
struct ArrivalTests {
    // MARK: - Nothing has left

    @Test func theNameHasNoAddress() async throws {
        // A label of more than 63 letters is no name (RFC 1035, section 2.3.4): no resolver has to be asked.
        let name = String(repeating: "x", count: 64)
        try await WireBench.transport { transport in
            let result = try await transport.send(.to("http://\(name).example/"))
            #expect(result.summary == "nameResolution, not sent")
        }
    }

    @Test func nobodyListens() async throws {
        let nobody = try DeafListener(.refused)
        try await WireBench.transport { transport in
            try await transport.gives("connect, not sent", to: .to("http://127.0.0.1:\(nobody.port)/"))
        }
    }

    @Test func theConnectionIsNotMadeInTime() async throws {
        let listener = try DeafListener(.dropped)
        try await WireBench.transport { transport in
            var request = HTTPRequest.to("http://127.0.0.1:\(listener.port)/")
            request.connectTimeout = .milliseconds(100)
            try await transport.gives("timeout, not sent", to: request)
            request.connectTimeout = .seconds(60)
            request.timeout = .milliseconds(100)
            try await transport.gives("timeout, not sent", to: request)
        }
    }

    @Test func theHandshakeStalls() async throws {
        let listener = try DeafListener()
        try await WireBench.transport { transport in
            var request = HTTPRequest.to("https://127.0.0.1:\(listener.port)/")
            request.connectTimeout = .milliseconds(100)
            try await transport.gives("timeout, not sent", to: request)
            request.connectTimeout = .seconds(60)
            request.timeout = .milliseconds(100)
            try await transport.gives("timeout, not sent", to: request)
        }
    }

    @Test func thePeerSpeaksNoTLS() async throws {
        try await WireBench.with { bench in
            let result = try await bench.send(.to("https://127.0.0.1:\(bench.server.port)/"))
            #expect(result.summary == "tls, not sent")
            #expect(bench.server.count == 0)
        }
    }

    @Test func theHandshakeIsBrokenOff() async throws {
        let server = try await RawServer { $0.reset() }
        try await WireBench.transport { transport in
            let result = try await transport.send(.to("https://127.0.0.1:\(server.port)/"))
            #expect(result.summary == "tls, not sent")
        }
        await server.stop()
    }

    // MARK: - A part has left

    @Test func thePeerStopsReadingInTheMiddle() async throws {
        let listener = try DeafListener()
        try await WireBench.transport { transport in
            var request = HTTPRequest.to("http://127.0.0.1:\(listener.port)/", timeout: .milliseconds(200))
            request.connectTimeout = .seconds(60)
            request.body = [UInt8](repeating: 0x61, count: 32 << 20)
            try await transport.gives("timeout, may have arrived", toLongEnough: request)
        }
    }

    @Test(arguments: [true, false]) func theConnectionBreaksInTheMiddle(isIdempotent: Bool) async throws {
        let server = try await RawServer { $0.reset() }
        try await WireBench.transport { transport in
            var request = HTTPRequest.to(server.url, isIdempotent: isIdempotent)
            request.body = [UInt8](repeating: 0x61, count: 8 << 20)
            try await transport.gives("closed, may have arrived", to: request)
            #expect(server.connections == 1)
        }
        await server.stop()
    }

    @Test func thePeerAnswersInTheMiddleAndCloses() async throws {
        let server = try await RawServer { channel in
            let reply = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            channel.writeAndFlush(ByteBuffer(string: reply), promise: nil)
        }
        try await WireBench.transport { transport in
            var request = HTTPRequest.to(server.url)
            request.body = [UInt8](repeating: 0x61, count: 8 << 20)
            try await transport.gives("HTTP 413", to: request)
        }
        await server.stop()
    }

    // MARK: - All has left

    @Test(arguments: [true, false]) func noReplyComesInTime(isIdempotent: Bool) async throws {
        try await WireBench.with([WebhookRule(.fault(.hang))]) { bench in
            let request = bench.request(isIdempotent: isIdempotent, timeout: .milliseconds(200))
            try await bench.transport.gives("timeout, may have arrived", toLongEnough: request)
        }
    }

    @Test func aReplyStallsInItsHead() async throws {
        try await WireBench.with([WebhookRule(.raw(Array("HTTP/1.1 2".utf8), thenClose: false))]) { bench in
            try await bench.transport.gives("timeout, may have arrived", toLongEnough: bench.request(timeout: .milliseconds(200)))
        }
    }

    @Test func aReplyStallsInItsBody() async throws {
        let text = "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\npart"
        try await WireBench.with([WebhookRule(.raw(Array(text.utf8), thenClose: false))]) { bench in
            try await bench.transport.gives("HTTP 202, cut", toLongEnough: bench.request(timeout: .milliseconds(200)))
        }
    }

    @Test(arguments: ["HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 200", "", "\r\n"]) func theConnectionEndsBeforeAFinalStatus(text: String)
        async throws
    {
        try await WireBench.with([WebhookRule(.raw(Array(text.utf8), thenClose: true))]) { bench in
            let result = try await bench.send(bench.request())
            let failure = try #require(result.failure)
            #expect(failure.mayHaveArrived)
            #expect(bench.server.count == 1)
        }
    }

    @Test(arguments: ["220 mail.example ESMTP\r\n", "<html>hello</html>", "\u{1}\u{2}\u{3}\r\n\r\n", "HTTP/9.9 x y\r\n\r\n"])
    func whatComesBackIsNotHTTP(text: String) async throws {
        try await WireBench.with([WebhookRule(.raw(Array(text.utf8), thenClose: true))]) { bench in
            let result = try await bench.send(bench.request())
            #expect(result.summary == "malformedReply, may have arrived")
        }
    }

    @Test func noFailureSaysWhomItWasAbout() async throws {
        try await WireBench.transport { transport in
            for url in [
                "http://\(String(repeating: "x", count: 64))/secret-path", "https://127.0.0.1:1/secret-path",
                "http://127.0.0.1:1/secret-path",
            ] {
                let result = try await transport.send(.to(url))
                let failure = try #require(result.failure)
                for part in ["secret-path", "xxxx", "127.0.0.1"] { #expect(!failure.message.contains(part)) }
            }
        }
    }
}
