import ArgumentParser
import GatewayRuntime
import GatewayModel

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows and changes the schema.", subcommands: [Plan.self, Apply.self, Verify.self])

    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the migrations and whether each is applied.")
        @OptionGroup var configurationOption: ConfigurationOption
        func run() async throws { try await printMigrations(Administration.migrations(of: try configurationOption.load(), applying: false)) }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Applies what is pending; run by several at once, it is done once.")
        @OptionGroup var configurationOption: ConfigurationOption
        func run() async throws { try await printMigrations(Administration.migrations(of: try configurationOption.load(), applying: true)) }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Fails unless the schema is the one this binary needs.")
        @OptionGroup var configurationOption: ConfigurationOption

        func run() async throws {
            let states = try await Administration.migrations(of: try configurationOption.load(), applying: false)
            try await printMigrations(states)
            if !states.allSatisfy({ $0.state == .applied }) { throw ExitCode.failure }
        }
    }

    private static func printMigrations(_ states: [MigrationStatus]) async throws {
        for state in states { print("\(Administration.padded(state.number))  \(state.name)  \(state.state.rawValue)") }
    }
}
