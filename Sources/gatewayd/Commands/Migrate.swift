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
            let configuration = try configurationOption.load()
            // A daemon that has the embedded store open has applied them.
            do {
                for line in try await Administration.perform(.migrations, on: configuration).output { print(line) }
            } catch let error as StoreError { throw told(error, as: .failure) }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Fails unless the schema is one that this binary works on.")
        @OptionGroup var configurationOption: ConfigurationOption

        func run() async throws {
            let configuration = try configurationOption.load()
            try await show(configuration)
            do { try await Administration.verifySchema(of: configuration) } catch { throw told(error, as: .failure) }
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
            guard approve else {
                for state in try await states(configuration) where state.number > to && state.state != .pending {
                    printError("would take back \(state.name)")
                }
                printError("gatewayd: taking migrations back loses the data that they brought; say --approve if that is meant")
                throw ExitCode.refused
            }
            do { try await Administration.rollBackSchema(of: configuration, to: to) } catch {
                if case .schema = error { throw told(error, as: .refused) }
                throw told(error, as: .failure)
            }
            try await show(configuration)
        }
    }

    private static func states(_ configuration: GatewayConfiguration) async throws -> [MigrationStatus] {
        do { return try await Administration.migrations(of: configuration) } catch { throw told(error, as: .failure) }
    }

    private static func show(_ configuration: GatewayConfiguration) async throws {
        for state in try await states(configuration) {
            print("\(Administration.padded(state.number))  \(state.name)  \(state.state.rawValue)")
        }
    }

    private static func told(_ error: StoreError, as code: ExitCode) -> ExitCode {
        printError("gatewayd: \(error)")
        return code
    }
}
