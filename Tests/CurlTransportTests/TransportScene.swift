import AdapterKit
import CurlTransport
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Lends a scripted server and a transport to a test, and takes both down after it.
func withServer<Value>(
    _ script: @escaping ScriptedServer.Script, run: (ScriptedServer, CurlTransport) async throws -> Value
) async throws -> Value {
    let server = try ScriptedServer(script)
    let transport = CurlTransport(configuration: CurlConfiguration())
    let outcome: Result<Value, any Error>
    do { outcome = .success(try await run(server, transport)) } catch { outcome = .failure(error) }
    await transport.shutdown()
    await server.stop()
    return try outcome.get()
}

/// Sends a request that is to be replied to.
func reply(to request: HTTPRequest, _ transport: CurlTransport) async throws -> HTTPReply {
    let result = try await transport.send(request)
    return try #require(result.reply)
}

func expect(_ status: Int, of request: HTTPRequest, _ transport: CurlTransport) async throws {
    let result = try await transport.send(request)
    #expect(result.reply?.status == status)
}

extension ScriptedServer {
    func request(
        isIdempotent: Bool = true, timeout: Duration = .seconds(30), maximumReplyBytes: Int = 65_536, network: NetworkPolicy = .trusted
    ) -> HTTPRequest {
        HTTPRequest(
            url: url, body: Array("{}".utf8), timeout: timeout, maximumReplyBytes: maximumReplyBytes, isIdempotent: isIdempotent,
            network: network)
    }
}

extension HTTPResult {
    var reply: HTTPReply? {
        if case .reply(let reply) = self { reply } else { nil }
    }

    var failure: HTTPFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}

/// Lets nobody pass before a number of threads have come; gives up after thirty seconds.
final class Gate: Sendable {
    private let missing: Mutex<Int>

    init(_ count: Int) { missing = Mutex(count) }

    /// Counts the caller, and waits for the others.
    func pass() {
        missing.withLock { $0 -= 1 }
        for _ in 0..<30_000 where missing.withLock({ $0 > 0 }) { usleep(1_000) }
    }
}

/// Tells a test once that something has happened on a server's thread.
struct Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    init() { (stream, source) = AsyncStream.makeStream() }

    func fire() { source.finish() }

    func wait() async {
        for await _ in stream {}
    }
}
