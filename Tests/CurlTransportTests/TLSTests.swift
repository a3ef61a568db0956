import AdapterKit
import CurlTransport
import NIOCore
import NIOPosix
import NIOSSL
import ProviderSimulators
import Testing
import WireTestKit

/// Whom the transport trusts.
@Suite(.timeLimit(.minutes(2)))
struct TLSTests {
    @Test(arguments: [("DNS:localhost", "localhost"), ("IP:127.0.0.1", "127.0.0.1")])
    func aServerOfATrustedAuthorityIsCalledAndItsConnectionReused(names: String, host: String) async throws {
        try await TestAuthority.with(names: names) { authority in
            try await WireBench.with(configuration: CurlConfiguration(caFile: authority.file), certificate: authority.certificate) {
                bench in
                for _ in 0..<3 {
                    let result = try await bench.send(.to("https://\(host):\(bench.server.port)/"))
                    #expect(result.summary == "HTTP 200")
                }
                #expect(bench.server.connections == 1)
                _ = try await bench.send(.to("https://\(host):\(bench.server.port)/", isIdempotent: false))
                #expect(bench.server.connections == 2)
            }
        }
    }

    @Test func anUnknownAuthorityIsRefused() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            try await WireBench.with(certificate: authority.certificate) { bench in
                let result = try await bench.send(.to("https://localhost:\(bench.server.port)/"))
                #expect(result.summary == "tls, not sent")
                #expect(bench.server.count == 0)
            }
        }
    }

    @Test func aCertificateForAnotherNameIsRefused() async throws {
        try await TestAuthority.with(names: "DNS:other.example,IP:127.0.0.2") { authority in
            try await WireBench.with(configuration: CurlConfiguration(caFile: authority.file), certificate: authority.certificate) {
                bench in
                for host in ["localhost", "127.0.0.1"] {
                    let result = try await bench.send(.to("https://\(host):\(bench.server.port)/"))
                    #expect(result.summary == "tls, not sent")
                }
                #expect(bench.server.count == 0)
            }
        }
    }

    @Test func aMissingAuthorityFileRefusesEverything() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            try await WireBench.with(configuration: CurlConfiguration(caFile: "/nonexistent/ca.pem"), certificate: authority.certificate) {
                bench in
                let result = try await bench.send(.to("https://localhost:\(bench.server.port)/"))
                #expect(result.summary == "tls, not sent")
            }
        }
    }

    @Test func oldVersionsOfTLSAreRefused() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            let chain = try NIOSSLCertificate.fromPEMFile(authority.certificate.chainFile).map(NIOSSLCertificateSource.certificate)
            let key = try NIOSSLPrivateKey(file: authority.certificate.keyFile, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv1
            configuration.maximumTLSVersion = .tlsv11
            let context = try NIOSSLContext(configuration: configuration)
            let listener = try await Listener.start(host: "127.0.0.1", port: 0, group: MultiThreadedEventLoopGroup.singleton) {
                channel, _ in
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
            }
            try await WireBench.transport(CurlConfiguration(caFile: authority.file)) { transport in
                let result = try await transport.send(.to("https://localhost:\(listener.port)/"))
                #expect(result.summary == "tls, not sent")
            }
            await listener.stop()
        }
    }

    @Test func aConnectionThatEndsWithoutGoodbyeIsNoReply() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            try await WireBench.with(
                [WebhookRule(nth: 1...1, .fault(.reset)), WebhookRule(.raw(Array("HTTP/1.1 200 OK\r\n\r\npart".utf8), thenClose: true))],
                configuration: CurlConfiguration(caFile: authority.file), certificate: authority.certificate
            ) { bench in
                let result = try await bench.send(.to("https://localhost:\(bench.server.port)/", isIdempotent: false))
                #expect(result.summary == "closed, may have arrived")
                let reply = try await bench.reply(to: .to("https://localhost:\(bench.server.port)/", isIdempotent: false))
                #expect(reply.body == Array("part".utf8))
            }
        }
    }
}
