import Logging

extension Logger {
    /// For what is opened for a moment, by a command that says itself what came of it.
    static var silent: Logger { Logger(label: "gatewayd", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
