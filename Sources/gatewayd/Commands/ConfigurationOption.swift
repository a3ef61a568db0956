import AdapterKit
import ArgumentParser
import Foundation
import GatewayModel
import GatewayRuntime
import Logging

/// `--config FILE`, read with the environment laid over it.
struct ConfigurationOption: ParsableArguments {
    @Option(name: .customLong("config"), help: "The configuration file (YAML).")
    var path: String

    /// Reads the file, or says everything that is wrong with it and ends with 78.
    func load() throws -> GatewayConfiguration {
        guard let data = FileManager.default.contents(atPath: path) else {
            printError("gatewayd: the configuration file \(path) cannot be read")
            throw ExitCode.badConfiguration
        }
        do {
            let source = try ConfigurationSource(
                yaml: String(decoding: data, as: UTF8.self), environment: ProcessInfo.processInfo.environment,
                readFile: { FileManager.default.contents(atPath: $0).map { String(decoding: $0, as: UTF8.self) } })
            return try GatewayConfiguration(source, installed: installedAdapters)
        } catch {
            reportFaults(error)
            throw ExitCode.badConfiguration
        }
    }
}

/// Lists the faults of a configuration on standard error.
func reportFaults(_ faults: Faults) {
    printError("gatewayd: the configuration has \(faults.list.count == 1 ? "a fault" : "\(faults.list.count) faults"):")
    for fault in faults.list { printError("  \(fault.path) \(fault.message)") }
}

/// Says why a store cannot be used, and what it is that could not be opened.
func told(_ error: StoreError, _ configuration: GatewayConfiguration, as code: ExitCode = .failure) -> ExitCode {
    let why = error == .unavailable ? configuration.store.fault : nil
    printError("gatewayd: " + (why.map { "the store \(configuration.store) cannot be opened: \($0)" } ?? "\(error)"))
    return code
}

func printError(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
