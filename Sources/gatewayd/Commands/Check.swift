import ArgumentParser
import Foundation
import GatewayRuntime

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks configuration, store and providers, and sends nothing.")

    @OptionGroup var configurationOption: ConfigurationOption

    func run() async throws {
        let isGood = await Preflight.run(try configurationOption.load(), adapters: installedAdapters) { line in
            // Not by `print`, which keeps what goes to a file or a pipe until there is more.
            FileHandle.standardOutput.write(Data("\(line.verdict.rawValue)  \(line.name)  \(line.detail)\n".utf8))
        }
        if !isGood { throw ExitCode.failure }
    }
}
