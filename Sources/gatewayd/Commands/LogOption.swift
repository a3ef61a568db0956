import ArgumentParser
import Logging

/// How the log is written: a JSON object a line for programs, or text for people; always on standard error.
struct LogOption: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json, text
    }

    @Option(help: "json or text.")
    var logFormat: Format = .json

    @Option(
        help: "trace, debug, info, notice, warning, error or critical.",
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else { throw ValidationError("there is no level \(text)") }
            return level
        })
    var logLevel: Logger.Level = .info

    func logger() -> Logger {
        var logger =
            logFormat == .json
            ? Logger(label: "gatewayd", factory: { JSONLogHandler(label: $0) })
            : Logger(label: "gatewayd", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = logLevel
        return logger
    }
}
