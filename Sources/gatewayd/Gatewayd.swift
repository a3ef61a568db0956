import ArgumentParser

@main
struct Gatewayd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatewayd",
        abstract: "A notification gateway: decides who hears about a quote, keeps every intent durably, and delivers it.",
        subcommands: [Dev.self, Serve.self, Check.self, Migrate.self, Organizations.self, Keys.self, Adapters.self, Explain.self])
}

extension ExitCode {
    /// Wrong usage, or refused.
    static let refused = ExitCode(2)
    /// The configuration is not one to start with (EX_CONFIG of sysexits.h).
    static let badConfiguration = ExitCode(78)
}
