public import AdapterKit
import Configuration
import Yams

/// A configuration file over which the environment is laid: looks values up by dotted key, and remembers which keys were asked for.
///
/// Layering and the names of environment variables (`http.publicBaseURL` → `GATEWAYD_HTTP_PUBLIC_BASE_URL`) are swift-configuration's; the
/// file's own tree is kept beside it for what a key-value reader cannot tell: unknown keys, and on which line something stands.
public struct ConfigurationSource {
    private let file: [String: Node]
    private let reader: ConfigReader
    private let environment: [String: String]
    private let readFile: (String) -> String?
    private var known: Set<String> = []
    public private(set) var faults: [Fault] = []

    /// - Parameters:
    ///   - yaml: the file's text.
    ///   - environment: the process's environment.
    ///   - readFile: gives a file's text, for values of the form `file:/path`; nil when it cannot be read.
    public init(yaml: String, environment: [String: String], readFile: @escaping (String) -> String?) throws(Faults) {
        let root: Node?
        do { root = try Yams.compose(yaml: yaml) } catch {
            throw Faults([Fault("configuration", "is not YAML: \(Self.place(of: error))")])
        }
        var file: [String: Node] = [:]
        if let root, root != Node("") {
            guard root.mapping != nil else { throw Faults([Fault("configuration", "must be a mapping of sections")]) }
            Self.flatten(root, "", into: &file)
        }
        self.file = file
        self.environment = environment
        self.readFile = readFile
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, node) in file {
            let path = AbsoluteConfigKey(["gatewayd"] + key.split(separator: ".").map(String.init))
            if let scalar = node.scalar {
                values[path] = ConfigValue(.string(scalar.string), isSecret: false)
            } else if let list = node.sequence, list.allSatisfy({ $0.scalar != nil }) {
                values[path] = ConfigValue(.stringArray(list.compactMap(\.scalar?.string)), isSecret: false)
            }
        }
        reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: environment), InMemoryProvider(values: values),
        ]).scoped(to: "gatewayd")
    }

    private static func place(of error: any Error) -> String {
        if let error = error as? YamlError, case .scanner(_, let problem, let mark, _) = error { return "\(problem) in line \(mark.line)" }
        if let error = error as? YamlError, case .parser(_, let problem, let mark, _) = error { return "\(problem) in line \(mark.line)" }
        return "it cannot be parsed"
    }

    private static func flatten(_ node: Node, _ path: String, into file: inout [String: Node]) {
        guard let mapping = node.mapping else {
            file[path] = node
            return
        }
        for (key, value) in mapping {
            guard let name = key.scalar?.string else { continue }
            flatten(value, path.isEmpty ? name : path + "." + name, into: &file)
        }
    }

    /// The sections directly below a key that the file names.
    public func sections(below key: String) -> Set<String> {
        Set(file.keys.filter { $0.hasPrefix(key + ".") }.map { String($0.dropFirst(key.count + 1).prefix { $0 != "." }) })
    }

    /// Whether the file or the environment says anything below a key.
    public func has(section key: String) -> Bool {
        file.keys.contains { $0 == key || $0.hasPrefix(key + ".") }
    }

    public mutating func fault(_ key: String, _ message: String) {
        faults.append(Fault(line(key).map { "\(key) (line \($0))" } ?? key, message))
    }

    public mutating func add(_ more: Faults, below prefix: String) {
        for fault in more.list { self.fault(prefix.isEmpty ? fault.path : prefix + "." + fault.path, fault.message) }
    }

    private func line(_ key: String) -> Int? { file[key]?.mark?.line }

    // MARK: Values

    public mutating func string(_ key: String) -> String? {
        known.insert(key)
        guard let text = reader.string(forKey: ConfigKey(key.split(separator: ".").map(String.init))) else { return nil }
        return resolve(text, key)
    }

    /// `env:NAME` and `file:/path` stand for what is there; the value itself never appears in a fault.
    private mutating func resolve(_ text: String, _ key: String) -> String? {
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst(4))
            if let value = environment[name] { return value }
            fault(key, "names the environment variable \(name), which is not set")
            return nil
        }
        if text.hasPrefix("file:") {
            let path = String(text.dropFirst(5))
            if let value = readFile(path) { return String(value.reversed().drop { $0.isNewline }.reversed()) }
            fault(key, "names the file \(path), which cannot be read")
            return nil
        }
        return text
    }

    public mutating func strings(_ key: String) -> [String]? {
        known.insert(key)
        return reader.stringArray(forKey: ConfigKey(key.split(separator: ".").map(String.init)))
    }

    public mutating func int(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = string(key) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            fault(key, "must be a whole number between \(range.lowerBound) and \(range.upperBound)")
            return nil
        }
        return value
    }

    public mutating func double(_ key: String, in range: ClosedRange<Double>) -> Double? {
        guard let text = string(key) else { return nil }
        guard let value = Double(text), range.contains(value) else {
            fault(key, "must be a number between \(range.lowerBound) and \(range.upperBound)")
            return nil
        }
        return value
    }

    public mutating func bool(_ key: String) -> Bool? {
        guard let text = string(key) else { return nil }
        guard let value = Bool(text) else {
            fault(key, "must be true or false")
            return nil
        }
        return value
    }

    public mutating func duration(_ key: String) -> Duration? {
        guard let text = string(key) else { return nil }
        guard let value = Duration(configuration: text) else {
            fault(key, "must be a duration such as 250ms, 15s, 10m, 24h or 90d")
            return nil
        }
        return value
    }

    public mutating func choice(_ key: String, of choices: [String]) -> String? {
        guard let text = string(key) else { return nil }
        guard choices.contains(text) else {
            fault(key, "must be one of " + choices.joined(separator: ", "))
            return nil
        }
        return text
    }

    /// Throws every fault found so far, and one for each key of the file that nobody asked for.
    public mutating func finish() throws(Faults) {
        for key in file.keys.sorted() where !known.contains(key) && !key.isEmpty {
            let near = nearest(to: key, among: known)
            fault(key, "is unknown" + (near.map { "; did you mean \($0)?" } ?? ""))
        }
        if !faults.isEmpty { throw Faults(faults) }
    }
}
