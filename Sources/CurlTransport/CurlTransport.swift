public import AdapterKit
import CCurl
import Synchronization

/// Carries HTTP/1.1 requests with libcurl, on a thread of its own for each network policy in use.
///
/// Connections are kept and reused within a policy, except for requests that are not idempotent: a kept one may die before the reply and
/// leave doubt. No request is handed to a connection twice, although libcurl would do that by itself when a reused one dies.
///
/// A process has few policies (one for the operator's targets, one for the tenants'); each costs a thread from its first request on.
public final class CurlTransport: HTTPTransport, Sendable {
    private struct State {
        var loops: [NetworkPolicy: CurlLoop] = [:]
        var isShutDown = false
    }

    private let configuration: CurlConfiguration
    private let state = Mutex(State())

    /// libcurl's own state, which is set up once in a process and before any handle is made.
    private static let library = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    public init(configuration: CurlConfiguration = CurlConfiguration()) {
        precondition(Self.library == CURLE_OK, "libcurl cannot be set up")
        self.configuration = configuration
    }

    /// Makes the request, once; after `shutdown()` the result is a failure with the reason `closed`.
    public func send(_ request: HTTPRequest) async throws(CancellationError) -> HTTPResult {
        if Task.isCancelled { throw CancellationError() }
        let url = WebURL(request.url)
        if let fault = request.fault(of: url) { return .failure(HTTPFailure(.invalidRequest, mayHaveArrived: false, fault)) }
        guard let url else { return .failure(HTTPFailure(.invalidRequest, mayHaveArrived: false, "the URL could not be read")) }
        var request = request
        request.network = NetworkGuard.policy(for: url, under: request.network)
        guard let loop = loop(for: request.network) else { return .failure(.shutDown) }
        return try await loop.send(request, to: url)
    }

    /// Ends every transfer with the reason `closed`, closes all connections, and returns when the threads have ended.
    public func shutdown() async {
        let loops = state.withLock { state in
            state.isShutDown = true
            defer { state.loops = [:] }
            return Array(state.loops.values)
        }
        for loop in loops { await loop.stop() }
    }

    /// Under which policies there was something to carry, for tests.
    var policies: Set<NetworkPolicy> { state.withLock { Set($0.loops.keys) } }

    private func loop(for policy: NetworkPolicy) -> CurlLoop? {
        state.withLock { state in
            if state.isShutDown { return nil }
            if let loop = state.loops[policy] { return loop }
            let loop = CurlLoop(configuration)
            state.loops[policy] = loop
            return loop
        }
    }
}
