import AdapterKit
import GatewayRuntime
import GatewayTestKit
import Logging
import StoreBackends
import Synchronization
import Testing

/// What is told before a gateway starts, and what is left behind by one that could not.
@Suite(.serialized, .timeLimit(.minutes(1))) struct PreflightTests {
    private func configuration(store path: String) throws -> GatewayConfiguration {
        let yaml = """
            store: { url: "sqlite:\(path)" }
            secrets: { keyring: "k1 \(Base64.encode([UInt8](repeating: 7, count: 32)))" }
            channels: { email: { concurrency: 1 } }
            """
        return try GatewayConfiguration(
            try ConfigurationSource(yaml: yaml, environment: [:], readFile: { _ in nil }), installed: [SilentAdapter.self])
    }

    @Test func aProviderThatNeverAnswersIsGivenUpAndTheRestIsToldAtOnce() async throws {
        let clock = ManualClock()
        let folder = try TestFolder(clock: clock)
        defer { folder.remove() }
        let configuration = try configuration(store: folder.path("store"))
        let lines = Watched<[Preflight.Line]>([])
        async let isGood = Preflight.run(configuration, adapters: [SilentAdapter.self], clock: clock) { line in
            lines.withLock { $0.append(line) }
        }
        await clock.waitForSleeper(until: clock.now + .seconds(15))
        #expect(lines.withLock { $0 }.map(\.name) == ["configuration", "store", "migrations", "links"])
        clock.advance(by: .seconds(15))
        #expect(await !isGood)
        let last = lines.withLock { $0 }.last
        #expect(last?.verdict == .fail && last?.name == "channel email" && last?.detail == "did not let us in within 15 s")
    }

    @Test func aGatewayWhoseStoreCannotBeOpenedLeavesNothingOpen() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let configuration = try configuration(store: folder.path("nowhere/store"))
        await #expect(throws: (any Error).self) {
            _ = try await GatewayRuntime(configuration, adapters: [SilentAdapter.self], logger: .init(label: "test"))
        }
        let http = try #require(SilentAdapter.environment.withLock { $0 }?.http)
        let request = HTTPRequest(method: "GET", url: "http://127.0.0.1:1/", isIdempotent: true, network: .trusted)
        guard case .failure(let failure) = try await http.send(request) else {
            Issue.record("it was sent")
            return
        }
        #expect(failure.reason == .closed)
    }
}

/// A channel whose provider never answers a probe, and which tells what it was lent last.
private struct SilentAdapter: ChannelAdapter {
    static let environment = Mutex<AdapterEnvironment?>(nil)
    static let descriptor = ScriptedAdapter.descriptor

    private let script = ProviderScript(probes: [.stall(then: .accepted(Acceptance()))])

    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {
        Self.environment.withLock { $0 = environment }
    }

    static func endpoint(from address: String) throws(EndpointError) -> Endpoint { try ScriptedAdapter.endpoint(from: address) }

    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
    func probe() async throws(CancellationError) -> DeliveryOutcome { try await ScriptedAdapter(script).probe() }
}
