import AdapterKit
import ProviderSimulators
import Testing

@testable import CurlTransport

/// The guard decides on the address that is really connected to.
@Suite(.timeLimit(.minutes(2)))
struct GuardTests {
    private static let spellings = [
        "127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "localhost", "LOCALHOST",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]",
    ]

    @Test(arguments: spellings) func noSpellingOfLoopbackPasses(host: String) async throws {
        try await WireBench.with { bench in
            let result = try await bench.send(.to("http://\(host):\(bench.server.port)/", network: .guarded(allow: [])))
            #expect(result.summary == "forbiddenAddress, not sent")
            #expect(result.failure?.message.contains(host) == false)
            #expect(bench.server.connections == 0)
        }
    }

    /// Shows that the spellings above do lead to this server when nothing forbids them, so that the guard is what stopped them.
    @Test(arguments: [
        "127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.1", "0", "localhost", "[::ffff:127.0.0.1]",
    ])
    func everySpellingReachesATrustedTarget(host: String) async throws {
        try await WireBench.with { bench in
            let result = try await bench.send(.to("http://\(host):\(bench.server.port)/"))
            #expect(result.summary == "HTTP 200")
        }
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.0/8"), ("localhost", "127.0.0.1"), ("2130706433", "127.0.0.1/32"), ("[::ffff:127.0.0.1]", "127.0.0.0/8"),
    ])
    func whatTheOperatorAllowsPasses(host: String, block: String) async throws {
        let allowed = try #require(AddressBlock(block))
        try await WireBench.with { bench in
            for _ in 0..<2 {
                let result = try await bench.send(.to("http://\(host):\(bench.server.port)/", network: .guarded(allow: [allowed])))
                #expect(result.summary == "HTTP 200")
            }
            #expect(bench.server.connections == 1)
        }
    }

    @Test func anotherBlockDoesNotHelp() async throws {
        let other = try #require(AddressBlock("10.0.0.0/8"))
        try await WireBench.with { bench in
            let result = try await bench.send(bench.request(network: .guarded(allow: [other])))
            #expect(result.summary == "forbiddenAddress, not sent")
        }
    }

    /// What lies behind a name in the clear is judged by the allowed blocks alone; behind one over TLS a public address would do as well.
    @Test func aNameInTheClearIsForTheAllowedBlocks() async throws {
        let (allowed, other) = (try #require(AddressBlock("127.0.0.0/8")), try #require(AddressBlock("10.0.0.0/8")))
        try await WireBench.with { bench in
            let url = "http://localhost:\(bench.server.port)/"
            try await bench.transport.gives("HTTP 200", to: .to(url, network: .guarded(allow: [allowed])))
            #expect(bench.transport.policies == [.only([allowed])])
            try await bench.transport.gives("forbiddenAddress, not sent", to: .to(url, network: .guarded(allow: [other])))
            #expect(bench.transport.policies == [.only([allowed]), .only([other])])
        }
    }

    @Test func sixIsGuardedLikeFour() async throws {
        let loopback = try #require(AddressBlock("::1/128"))
        try await WireBench.with(host: "::1") { bench in
            let url = "http://[::1]:\(bench.server.port)/"
            try await bench.transport.gives("forbiddenAddress, not sent", to: .to(url, network: .guarded(allow: [])))
            try await bench.transport.gives("HTTP 200", to: .to(url, network: .guarded(allow: [loopback])))
            #expect(bench.server.connections == 1)
        }
    }

    @Test func aNameWithAForbiddenAndAnAllowedAddressReachesTheAllowedOne() async throws {
        // localhost is ::1 and 127.0.0.1 on most machines; only one of the two may be called here.
        let four = try #require(AddressBlock("127.0.0.0/8"))
        try await WireBench.with { bench in
            let result = try await bench.send(.to("http://localhost:\(bench.server.port)/", network: .guarded(allow: [four])))
            #expect(result.summary == "HTTP 200")
        }
    }

    @Test func policiesNeverShareAConnection() async throws {
        let block = try #require(AddressBlock("127.0.0.0/8"))
        try await WireBench.with { bench in
            _ = try await bench.reply(to: bench.request())
            // An idle connection to this very address stands ready, and is not for these.
            try await bench.transport.gives("forbiddenAddress, not sent", to: bench.request(network: .guarded(allow: [])))
            _ = try await bench.reply(to: bench.request(network: .guarded(allow: [block])))
            _ = try await bench.reply(to: bench.request())
            #expect(bench.server.received().map(\.request.connection) == [1, 2, 1])
        }
    }
}
