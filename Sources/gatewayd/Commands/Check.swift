import ArgumentParser
import GatewayRuntime

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks configuration, store and providers, and sends nothing.")

    @OptionGroup var configurationOption: ConfigurationOption

    func run() async throws {
        let lines = await Preflight.run(try configurationOption.load(), adapters: installedAdapters)
        for line in lines { print("\(line.verdict.rawValue)  \(line.name)  \(line.detail)") }
        if lines.contains(where: { $0.verdict == .fail }) { throw ExitCode.failure }
    }
}
