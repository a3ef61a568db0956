import ArgumentParser
import Logging

/// How the log is written: a JSON object a line for programs, or text for people; always on standard error.
struct LogOption: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json, text
    }

    @Option(help: "json or text.")
    var logFormat: Format = .json

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String = "info"

    func logger() -> Logger {
        var logger =
            logFormat == .json
            ? Logger(label: "gatewayd", factory: { JSONLogHandler(label: $0) })
            : Logger(label: "gatewayd", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        return logger
    }
}
