import AdapterKit
import ArgumentParser
import Foundation
import GatewayModel
import GatewayRuntime
import Logging
import ServiceLifecycle
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Runs the daemon until it is told to stop.")

    @OptionGroup var configurationOption: ConfigurationOption
    @OptionGroup var logOption: LogOption

    @Option(help: "Which parts to run, separated by commas: api, dispatcher, maintenance.")
    var roles: String = "api,dispatcher,maintenance"

    func run() async throws {
        let roles = self.roles.split(separator: ",").map { GatewayRuntime.Role(rawValue: $0.trimmingCharacters(in: .whitespaces)) }
        guard !roles.isEmpty, roles.allSatisfy({ $0 != nil }) else {
            printError("gatewayd: --roles takes api, dispatcher and maintenance, separated by commas")
            throw ExitCode.refused
        }
        let configuration = try configurationOption.load()
        let logger = logOption.logger()
        if let fault = configuration.linkFault { logger.warning("\(fault)") }
        let runtime: GatewayRuntime
        do {
            runtime = try await GatewayRuntime(
                configuration, adapters: installedAdapters, roles: Set(roles.compactMap { $0 }), logger: logger,
                onListening: { port in logger.notice("listening", metadata: ["host": "\(configuration.http.host)", "port": "\(port)"]) })
        } catch let faults as Faults {
            reportFaults(faults)
            throw ExitCode.badConfiguration
        } catch let error as StoreError {
            throw told(error, configuration)
        }
        try await runUntilSignalled(runtime, logger: logger)
    }
}

/// Runs a gateway; the first SIGTERM or SIGINT stops it gracefully, the second at once.
///
/// - Parameter hint: what helps when its port cannot be had.
func runUntilSignalled(_ runtime: GatewayRuntime, logger: Logger, hint: String = "") async throws {
    var configuration = ServiceGroupConfiguration(services: [runtime], logger: logger)
    configuration.gracefulShutdownSignals = [.sigterm, .sigint]
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    let second = Task {
        var count = 0
        for await _ in signals {
            count += 1
            if count == 2 { _exit(1) }
        }
    }
    defer { second.cancel() }
    do { try await ServiceGroup(configuration: configuration).run() } catch let error as ListeningError {
        printError("gatewayd: \(error)\(hint)")
        throw ExitCode.failure
    } catch let error as StoreError {
        // Of a store that was away at the start.
        printError("gatewayd: \(error)")
        throw ExitCode.failure
    } catch let faults as Faults {
        reportFaults(faults)
        throw ExitCode.badConfiguration
    }
}
