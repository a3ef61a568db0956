import ArgumentParser
import GatewayModel
import GatewayRuntime

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows and changes the schema.", subcommands: [Plan.self, Apply.self, Verify.self, Down.self])

    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the migrations and whether each is applied.")
        @OptionGroup var configurationOption: ConfigurationOption

        func run() async throws { try await show(try configurationOption.load()) }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Applies what is pending; run by several at once, it is done once.")
        @OptionGroup var configurationOption: ConfigurationOption

        func run() async throws {
            // A daemon that has the embedded store open has applied them.
            try await administer(.migrations, try configurationOption.load())
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Fails unless the schema is one that this binary works on.")
        @OptionGroup var configurationOption: ConfigurationOption

        func run() async throws {
            let configuration = try configurationOption.load()
            let states = try await show(configuration)
            let pending = states.filter { $0.state == .pending }
            guard pending.isEmpty else {
                let names = pending.map(\.name).joined(separator: ", ")
                let lack = states.allSatisfy { $0.state == .pending } ? "There is no store yet" : "The store lacks migrations: \(names)"
                printError("gatewayd: \(lack). `gatewayd migrate apply` makes up for it, as a daemon does at its start.")
                throw ExitCode.failure
            }
            do { try await Administration.verifySchema(of: configuration) } catch { throw told(error, configuration) }
        }
    }

    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes migrations back, and with them the data that they brought. Nothing else does that.")
        @OptionGroup var configurationOption: ConfigurationOption
        @Option(help: "The newest migration that stays.") var to: Int
        @Flag(help: "It is meant: without this nothing is changed.") var approve = false

        func run() async throws {
            let configuration = try configurationOption.load()
            let states = try await states(configuration)
            guard let newest = states.map(\.number).max(), to <= newest else {
                printError("gatewayd: there is no migration \(to); the newest is \(states.last?.name ?? "none")")
                throw ExitCode.refused
            }
            let above = states.filter { $0.number > to && $0.state != .pending }
            guard !above.isEmpty else {
                printError("gatewayd: no migration above \(Administration.padded(to)) is applied, so there is nothing to take back")
                return
            }
            guard approve else {
                for state in above { printError("would take back \(state.name)") }
                printError("gatewayd: taking migrations back loses the data that they brought; say --approve if that is meant")
                throw ExitCode.refused
            }
            do { try await Administration.rollBackSchema(of: configuration, to: to) } catch {
                if case .schema = error { throw told(error, configuration, as: .refused) }
                throw told(error, configuration)
            }
            try await show(configuration)
        }
    }

    private static func states(_ configuration: GatewayConfiguration) async throws -> [MigrationStatus] {
        do { return try await Administration.migrations(of: configuration) } catch { throw told(error, configuration) }
    }

    @discardableResult
    private static func show(_ configuration: GatewayConfiguration) async throws -> [MigrationStatus] {
        let states = try await states(configuration)
        for state in states { print("\(Administration.padded(state.number))  \(state.name)  \(state.state.rawValue)") }
        return states
    }
}
