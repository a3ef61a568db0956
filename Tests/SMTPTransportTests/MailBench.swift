import AdapterKit
import Logging
import NIOPosix
import Testing

@testable import SMTPTransport

/// A client and a scripted server for it on loopback, for the length of a test.
struct MailBench: Sendable {
    let server: ScriptedServer
    let transport: SMTPTransport
    var account: MailServer

    /// Runs a test with a server and a transport, and ends both.
    static func with(
        _ script: ScriptedServer.Script = .init(), _ configuration: SMTPConfiguration = .init(), host: String = "127.0.0.1",
        security: MailServer.Security = .none, caFile: String? = nil, credentials: MailServer.Credentials? = nil, connections: Int = 4,
        _ body: (MailBench) async throws -> Void
    ) async throws {
        let server = ScriptedServer(script)
        try await server.start()
        let transport = SMTPTransport(
            configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let account = MailServer(
            host: host, port: server.port, security: security, credentials: credentials, caFile: caFile, clientName: "client.test",
            connections: connections)
        do { try await body(MailBench(server: server, transport: transport, account: account)) } catch {
            // First the server, or the transport would wait for what it never answers.
            await server.stop()
            await transport.shutdown()
            throw error
        }
        await transport.shutdown()
        await server.stop()
    }

    func send(_ mail: MailSubmission) async throws -> MailResult { try await transport.send(mail, through: account) }

    /// The bench with another policy for the same server.
    func under(_ network: NetworkPolicy) -> MailBench {
        var bench = self
        bench.account.network = network
        return bench
    }

    func accepts(_ mail: MailSubmission, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await send(mail)
        #expect(result.summary == "accepted", sourceLocation: sourceLocation)
    }

    func fails(_ mail: MailSubmission, as expected: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await send(mail)
        #expect(result.summary == expected, sourceLocation: sourceLocation)
    }
}

extension Task<MailResult, any Error> {
    func ends(as summary: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await value
        #expect(result.summary == summary, sourceLocation: sourceLocation)
    }
}

extension MailResult {
    /// `accepted`; `refused 550 5.1.1 at rcpt`; `closed at finalDot`.
    var summary: String {
        switch self {
        case .accepted: "accepted"
        case .refused(let reply, let phase, _): "refused \(reply.codes) at \(phase)"
        case .failed(let failure, let phase): "\(failure.reason) at \(phase)"
        }
    }
}

func mail(_ text: String = "hello\r\n", to recipients: [String] = ["b@example.com"], within limit: Duration = .seconds(50))
    -> MailSubmission
{
    mail(Array(text.utf8), to: recipients, within: limit)
}

func mail(_ data: [UInt8], to recipients: [String] = ["b@example.com"], within limit: Duration = .seconds(50)) -> MailSubmission {
    MailSubmission(sender: "a@example.com", recipients: recipients, data: data, deadline: SystemClock().now + limit)
}
