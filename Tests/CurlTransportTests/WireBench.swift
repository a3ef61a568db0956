import AdapterKit
import CurlTransport
import NIOCore
import NIOPosix
import ProviderSimulators
import Testing
import WireTestKit

/// A transport and a server for it on loopback, for the length of a test.
struct WireBench: Sendable {
    let server: WebhookSimulator
    let transport: CurlTransport

    static func with<Result>(
        _ script: [WebhookRule] = [], configuration: CurlConfiguration = CurlConfiguration(), certificate: ServerCertificate? = nil,
        host: String = "127.0.0.1", _ body: (WireBench) async throws -> Result
    ) async throws -> Result {
        var options = WebhookSimulator.Options()
        options.certificate = certificate
        let server = try await WebhookSimulator.start(host: host, options: options, script: script)
        return try await transport(configuration) { transport in
            do {
                let result = try await body(WireBench(server: server, transport: transport))
                await server.stop()
                return result
            } catch {
                await server.stop()
                throw error
            }
        }
    }

    /// Lends a transport alone.
    static func transport<Result>(
        _ configuration: CurlConfiguration = CurlConfiguration(), _ body: (CurlTransport) async throws -> Result
    ) async throws -> Result {
        let transport = CurlTransport(configuration: configuration)
        do {
            let result = try await body(transport)
            await transport.shutdown()
            return result
        } catch {
            await transport.shutdown()
            throw error
        }
    }

    func request(
        _ path: String = "/", isIdempotent: Bool = true, timeout: Duration = .seconds(60), network: NetworkPolicy = .trusted
    ) -> HTTPRequest {
        .to("http://127.0.0.1:\(server.port)\(path)", isIdempotent: isIdempotent, timeout: timeout, network: network)
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResult { try await transport.send(request) }

    /// Sends a request that is to be answered.
    func reply(to request: HTTPRequest) async throws -> HTTPReply {
        let result = try await transport.send(request)
        return try #require(result.reply, "\(result)")
    }

    /// Returns when the server has read so many requests whole.
    func sees(_ count: Int) async throws { try await server.waitForCount(count, timeout: .seconds(30)) }
}

extension HTTPRequest {
    /// A small POST, with a limit that only a hanging test reaches.
    static func to(
        _ url: String, isIdempotent: Bool = true, timeout: Duration = .seconds(60), network: NetworkPolicy = .trusted
    ) -> HTTPRequest {
        HTTPRequest(
            url: url, body: Array("{}".utf8), connectTimeout: timeout, timeout: timeout, isIdempotent: isIdempotent, network: network)
    }
}

extension HTTPResult {
    var reply: HTTPReply? {
        if case .reply(let reply) = self { reply } else { nil }
    }

    var failure: HTTPFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }

    /// `closed, may have arrived` or `connect, not sent`; `HTTP 200`, or `HTTP 200, cut`.
    var summary: String {
        switch self {
        case .reply(let reply): "HTTP \(reply.status)" + (reply.isTruncated ? ", cut" : "")
        case .failure(let failure): "\(failure.reason), \(failure.mayHaveArrived ? "may have arrived" : "not sent")"
        }
    }
}

extension CurlTransport {
    /// Expects it of a request with a limit that cuts it off at a certain point: a busy machine may need a longer one to get there.
    func gives(_ summary: String, toLongEnough request: HTTPRequest, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        var request = request
        var last = ""
        while request.timeout < .seconds(30) {
            last = try await send(request).summary
            if last == summary { return }
            request.timeout *= 2
            request.connectTimeout *= 2
        }
        Issue.record("\(last) instead of \(summary)", sourceLocation: sourceLocation)
    }

    /// Expects what comes of a request, in a few words.
    func gives(_ summary: String, to request: HTTPRequest, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await send(request)
        #expect(result.summary == summary, sourceLocation: sourceLocation)
    }
}

extension Task<HTTPResult, any Error> {
    func ends(as summary: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await value
        #expect(result.summary == summary, sourceLocation: sourceLocation)
    }
}

/// Counts connections and does one thing to each, for what no HTTP server would do.
final class RawServer: Sendable {
    private let listener: Listener

    /// - Parameter onBytes: called with the first bytes of a connection, on its loop.
    init(onBytes: @escaping @Sendable (any Channel) -> Void) async throws {
        listener = try await Listener.start(host: "127.0.0.1", port: 0, group: MultiThreadedEventLoopGroup.singleton) { channel, _ in
            try channel.pipeline.syncOperations.addHandler(FirstBytes(onBytes))
        }
    }

    var port: Int { listener.port }
    var url: String { "http://127.0.0.1:\(port)/" }
    var connections: Int { listener.accepted }
    func stop() async { await listener.stop() }

    private final class FirstBytes: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let act: @Sendable (any Channel) -> Void
        private var hasActed = false

        init(_ act: @escaping @Sendable (any Channel) -> Void) { self.act = act }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if !hasActed { act(context.channel) }
            hasActed = true
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
