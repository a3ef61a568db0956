public import AdapterKit
import Synchronization

/// An HTTP transport that hands out canned results in order, the last one again and again, and records what it was asked to send.
public final class ScriptedHTTPTransport: HTTPTransport, CustomReflectable {
    private let script: [HTTPResult]
    private let recorded = Mutex<[HTTPRequest]>([])

    /// Without results every request waits until its task is cancelled.
    public init(_ script: [HTTPResult] = []) { self.script = script }

    public var calls: [HTTPRequest] { recorded.withLock { $0 } }

    public func send(_ request: HTTPRequest) async throws(CancellationError) -> HTTPResult {
        let number = recorded.withLock { calls in
            calls.append(request)
            return calls.count - 1
        }
        guard let last = script.last else { try await waitForCancellation() }
        return number < script.count ? script[number] : last
    }

    /// Empty, so that a description of an adapter shows nothing of the script.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Never returns; throws as soon as the task is cancelled.
func waitForCancellation() async throws(CancellationError) -> Never {
    let (silence, source) = AsyncStream.makeStream(of: Never.self)
    for await _ in silence {}
    source.finish()
    throw CancellationError()
}
