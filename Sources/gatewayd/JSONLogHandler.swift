import AdapterKit
import Foundation
import Logging

/// Writes each log entry as one JSON object in one line on standard error.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    private let label: String

    init(label: String) { self.label = label }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var entry: [String: JSONValue] = [:]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) { entry[key] = .string("\(value)") }
        entry["time"] = .string(SystemClock().now.description)
        entry["level"] = .string(event.level.rawValue)
        entry["message"] = .string("\(event.message)")
        FileHandle.standardError.write(Data(JSONValue.object(entry).bytes + [0x0A]))
    }
}
