public import AdapterKit
import CurlTransport
import GatewayModel
import Logging
import NIOPosix
import SMTPTransport

/// Checks, before a gateway starts, that it could: its store, and each provider up to the point where something would be sent.
public enum Preflight {
    public struct Line: Hashable, Sendable {
        public enum Verdict: String, Hashable, Sendable {
            case ok, warn
            case fail = "FAIL"
        }

        public var verdict: Verdict
        public var name: String
        public var detail: String
    }

    /// How long a provider may take to let us in.
    private static let limit = Duration.seconds(15)

    /// Hands each line to `report` as soon as it is known; answers whether nothing failed.
    public static func run(
        _ configuration: GatewayConfiguration, adapters: [any ChannelAdapter.Type], clock: any WallClock = SystemClock(),
        report: (Line) -> Void
    ) async -> Bool {
        var isGood = true
        func tell(_ line: Line) {
            report(line)
            if line.verdict == .fail { isGood = false }
        }
        tell(
            Line(
                verdict: .ok, name: "configuration",
                detail: configuration.channels.count == 1 ? "1 channel" : "\(configuration.channels.count) channels"))
        for line in await checkStore(configuration) { tell(line) }
        for line in await checkSpool(configuration) { tell(line) }
        for line in await checkRedis(configuration) { tell(line) }
        tell(checkLinks(configuration))
        let http = CurlTransport(configuration: CurlConfiguration())
        let mail = SMTPTransport(configuration: SMTPConfiguration(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .silent)
        let environment = AdapterEnvironment(http: http, mail: mail, clock: clock, logger: .silent)
        for type in adapters { tell(await check(type, in: configuration, environment)) }
        await http.shutdown()
        await mail.shutdown()
        return isGood
    }

    private static func check(
        _ type: any ChannelAdapter.Type, in configuration: GatewayConfiguration, _ environment: AdapterEnvironment
    ) async -> Line {
        let name = "channel \(type.descriptor.channel)"
        guard let section = configuration.channels[type.descriptor.channel] else {
            return Line(verdict: .warn, name: name, detail: "is installed and not configured")
        }
        do throws(Faults) {
            let adapter = try type.init(settings: section.settings, environment: environment)
            let probing = Task { () async throws(CancellationError) in try await adapter.probe() }
            let timer = Task {
                try await environment.clock.sleep(until: environment.clock.now + limit)
                probing.cancel()
            }
            defer { timer.cancel() }
            guard let outcome = try? await probing.value else {
                return Line(verdict: .fail, name: name, detail: "did not let us in within \(limit.components.seconds) s")
            }
            return line(name, outcome)
        } catch {
            return Line(verdict: .fail, name: name, detail: error.list.map { "\($0.path) \($0.message)" }.joined(separator: "; "))
        }
    }

    private static func checkStore(_ configuration: GatewayConfiguration) async -> [Line] {
        do {
            let states: [MigrationStatus]
            if let answer = try? await ControlSocket.send(.migrations, to: configuration.store), answer.fault == nil {
                let store = Line(verdict: .ok, name: "store", detail: "a running daemon has it open")
                return [store, Line(verdict: .ok, name: "migrations", detail: "the schema is the running daemon's")]
            }
            if let fault = configuration.store.fault { return [Line(verdict: .fail, name: "store", detail: fault)] }
            states = try await Administration.migrations(of: configuration)
            let store = Line(verdict: .ok, name: "store", detail: "it can be opened")
            let pending = states.count { $0.state == .pending }
            let schema = await checkSchema(configuration, pending: pending)
            // Nothing is sealed in a store that is still to be made.
            return [store, schema] + (pending > 0 || schema.verdict == .fail ? [] : [await checkKeyring(configuration)])
        } catch { return [Line(verdict: .fail, name: "store", detail: "\(configuration.store): \(error)")] }
    }

    private static func checkKeyring(_ configuration: GatewayConfiguration) async -> Line {
        do throws(StoreError) {
            if let fault = try await Administration.sealingFault(in: configuration) {
                return Line(verdict: .fail, name: "keyring", detail: "secrets.keyring does not open what the store holds: \(fault)")
            }
            return Line(verdict: .ok, name: "keyring", detail: "it opens what the store holds")
        } catch { return Line(verdict: .fail, name: "keyring", detail: error.description) }
    }

    private static func checkSchema(_ configuration: GatewayConfiguration, pending: Int) async -> Line {
        if pending > 0, configuration.appliesMigrations {
            return Line(verdict: .ok, name: "migrations", detail: "\(pending) will be applied at the start")
        }
        do {
            try await Administration.verifySchema(of: configuration)
            return Line(verdict: .ok, name: "migrations", detail: "the schema is current")
        } catch { return Line(verdict: .fail, name: "migrations", detail: error.description) }
    }

    private static func line(_ name: String, _ outcome: DeliveryOutcome) -> Line {
        switch outcome {
        case .accepted(let acceptance): Line(verdict: .ok, name: name, detail: acceptance.summary ?? "the provider is there and lets us in")
        case .deferred(let failure, _), .throttled(let failure, _), .channelFault(let failure), .rejected(let failure, _),
            .answerLost(let failure):
            Line(verdict: .fail, name: name, detail: "\(failure.message)\(failure.code.map { " (\($0))" } ?? "")")
        }
    }
}
