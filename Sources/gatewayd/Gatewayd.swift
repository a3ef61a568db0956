import ArgumentParser

struct Gatewayd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatewayd",
        abstract: "A notification gateway: decides who hears about a quote, keeps every intent durably, and delivers it.",
        version: "0.1.0-dev",
        subcommands: [
            Dev.self, Serve.self, Check.self, Migrate.self, Export.self, Import.self, Organizations.self, Keys.self, Adapters.self,
            Explain.self,
        ])
}

@main
enum Main {
    static func main() async {
        do {
            var command = try Gatewayd.parseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            guard Gatewayd.exitCode(for: error) == .validationFailure else { Gatewayd.exit(withError: error) }
            // Wrong usage has the code that callers were promised, not the one of sysexits.h.
            printError(Gatewayd.fullMessage(for: error))
            Gatewayd.exit(withError: ExitCode.refused)
        }
    }
}

extension ExitCode {
    /// Wrong usage, or refused.
    static let refused = ExitCode(2)
    /// The configuration is not one to start with (EX_CONFIG of sysexits.h).
    static let badConfiguration = ExitCode(78)
}
