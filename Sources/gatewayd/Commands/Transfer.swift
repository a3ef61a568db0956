import ArgumentParser
import GatewayModel
import GatewayRuntime

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes all that an embedded store holds into a file, to be imported into PostgreSQL. The daemon must be stopped.")

    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "The file to write; it must not exist. It holds what people were told: only its owner can read it.") var to: String

    func run() async throws {
        let configuration = try configurationOption.load()
        do { show(try await Administration.exportStore(of: configuration, to: to)) } catch { throw told(error, configuration) }
    }
}

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes an exported file into an empty PostgreSQL store; run again after it was cut off, it goes on.")

    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "The file that `gatewayd export` has written.") var from: String

    func run() async throws {
        let configuration = try configurationOption.load()
        do { show(try await Administration.importStore(into: configuration, from: from)) } catch {
            let code = told(error, configuration)
            if case .store = error {
                printError("gatewayd: the import is not done; run again with the same file, it goes on where it stood")
            }
            throw code
        }
        if let fault = await Administration.keyringFault(of: configuration) {
            printError(
                "gatewayd: secrets.keyring does not open what was imported: \(fault). Use the keyring of the store that was exported.")
        }
    }
}

/// A line for each table.
private func show(_ tables: [TransferTable]) {
    for table in tables { print("\(table.name)  \(table.rows)") }
}

/// Says why a store was not moved.
private func told(_ error: TransferError, _ configuration: GatewayConfiguration) -> ExitCode {
    switch error {
    case .store(let error): return told(error, configuration)
    case .refused, .failed:
        printError("gatewayd: \(error)")
        if case .refused = error { return .refused }
        return .failure
    }
}
