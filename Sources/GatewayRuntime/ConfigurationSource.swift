public import AdapterKit
import Configuration
import Yams

/// A configuration file over which the environment is laid: looks values up by dotted key, and remembers which keys were asked for.
///
/// The names of environment variables (`http.publicBaseURL` → `GATEWAYD_HTTP_PUBLIC_BASE_URL`) are swift-configuration's; the file is kept as
/// a tree for what a key-value reader cannot tell: unknown keys, values of another kind, and on which line something stands.
public struct ConfigurationSource {
    private var values: [String: Node] = [:]
    /// The line of every key of the file, sections among them.
    private var lines: [String: Int] = [:]
    private let environment: [String: String]
    private let overrides: EnvironmentVariablesProvider
    private let readFile: (String) -> String?
    private var known: Set<String> = []
    /// Keys whose value stands elsewhere and could not be got.
    private var lost: Set<String> = []
    private var told: Set<Fault> = []
    public private(set) var faults: [Fault] = []

    /// - Parameters:
    ///   - yaml: the file's text.
    ///   - environment: the process's environment.
    ///   - readFile: gives a file's text, for values of the form `file:/path`; nil when it cannot be read.
    public init(yaml: String, environment: [String: String], readFile: @escaping (String) -> String?) throws(Faults) {
        self.environment = environment
        self.readFile = readFile
        overrides = EnvironmentVariablesProvider(environmentVariables: environment)
        let root: Node?
        do { root = try Yams.compose(yaml: yaml) } catch {
            throw Faults([Fault("configuration", "is not YAML: \(Self.words(for: error))")])
        }
        guard let root, !root.isNothing else { return }
        guard root.mapping != nil else { throw Faults([Fault("configuration", "must be a mapping of sections")]) }
        take(root, "")
    }

    private static func words(for error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            "\(problem) in line \(mark.line)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            "\(duplicates.sorted().joined(separator: ", ")) stands twice, by line \(context.mark.line)"
        default: "it cannot be parsed"
        }
    }

    private mutating func take(_ node: Node, _ path: String) {
        guard let mapping = node.mapping else {
            if !node.isNothing { values[path] = node }
            return
        }
        for (key, value) in mapping {
            guard let name = key.scalar?.string else { continue }
            let inner = path.isEmpty ? name : path + "." + name
            lines[inner] = key.mark?.line
            take(value, inner)
        }
    }

    /// Whether the file or the environment says anything below a key.
    public func has(section key: String) -> Bool {
        lines.keys.contains { $0.hasPrefix(key + ".") } || environment.keys.contains { $0.hasPrefix(variable(key) + "_") }
    }

    // MARK: Faults

    /// Tells a fault with the place where it can be mended: the variable that overrides the key, else its line, else that of its section.
    ///
    /// Of a value that could not be got nothing else is said, and nothing is said twice.
    public mutating func fault(_ key: String, _ message: String) {
        guard !lost.contains(key), told.insert(Fault(key, message)).inserted else { return }
        let bare = String(key.prefix { $0 != "[" })
        let place = overriding(bare) != nil ? variable(bare) : line(bare).map { "line \($0)" }
        faults.append(Fault(place.map { "\(key) (\($0))" } ?? key, message))
    }

    public mutating func add(_ more: Faults, below prefix: String = "") {
        for fault in more.list { self.fault(prefix.isEmpty ? fault.path : prefix + "." + fault.path, fault.message) }
    }

    private func line(_ key: String) -> Int? {
        var key = key[...]
        while true {
            if let line = lines[String(key)] { return line }
            guard let dot = key.lastIndex(of: ".") else { return nil }
            key = key[..<dot]
        }
    }

    /// Throws every fault found so far, and one for each key of the file that nobody asked for.
    public mutating func finish() throws(Faults) {
        let empty = lines.keys.filter { key in values[key] == nil && !lines.keys.contains { $0.hasPrefix(key + ".") } }
        for key in (values.keys + empty).sorted() where !known.contains(key) {
            if known.contains(where: { $0.hasPrefix(key + ".") }) {
                if values[key] != nil { fault(key, "must be a section with keys of its own") }
            } else {
                let near = nearest(to: key, among: known)
                fault(key, "is unknown" + (near.map { "; did you mean \($0)?" } ?? ""))
            }
        }
        if !faults.isEmpty { throw Faults(faults) }
    }

    // MARK: Values

    private func absolute(_ key: String) -> AbsoluteConfigKey {
        AbsoluteConfigKey(["gatewayd"] + key.split(separator: ".").map(String.init))
    }

    /// The environment variable of a key.
    private func variable(_ key: String) -> String { (try? overrides.value(forKey: absolute(key), type: .string).encodedKey) ?? "" }

    private func overriding(_ key: String) -> String? {
        guard case .string(let text)? = try? overrides.value(forKey: absolute(key), type: .string).value?.content else { return nil }
        return text
    }

    public mutating func string(_ key: String) -> String? {
        known.insert(key)
        if let text = overriding(key) { return resolve(text, key) }
        guard let node = values[key] else { return nil }
        guard let scalar = node.scalar else {
            fault(key, "must be one value, not a list")
            return nil
        }
        return resolve(scalar.string, key)
    }

    /// `env:NAME` and `file:/path` stand for what is there; the value itself never appears in a fault.
    private mutating func resolve(_ text: String, _ key: String) -> String? {
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst(4))
            if let value = environment[name] { return value }
            fault(key, "names the environment variable \(name), which is not set")
            lost.insert(key)
            return nil
        }
        return text.hasPrefix("file:") ? contents(String(text.dropFirst(5)), key) : text
    }

    /// The text of the file that a key names, as `/path` or `file:/path`.
    public mutating func text(ofFile key: String) -> String? {
        known.insert(key)
        guard let path = overriding(key) ?? values[key]?.scalar?.string else { return nil }
        return contents(path.hasPrefix("file:") ? String(path.dropFirst(5)) : path, key)
    }

    private mutating func contents(_ path: String, _ key: String) -> String? {
        if let text = readFile(path) { return String(text.reversed().drop { $0.isNewline }.reversed()) }
        fault(key, "names the file \(path), which cannot be read")
        lost.insert(key)
        return nil
    }

    /// A list; one text is read as several with commas between them.
    public mutating func strings(_ key: String) -> [String]? {
        known.insert(key)
        if overriding(key) == nil, let list = values[key]?.sequence {
            let texts = list.compactMap { $0.scalar?.string }
            if texts.count < list.count { fault(key, "must be a list of single values") }
            return texts
        }
        guard let text = overriding(key) ?? values[key]?.scalar?.string else { return nil }
        return text.split(separator: ",").map { $0.trimmingBlanks }.filter { !$0.isEmpty }
    }

    /// A list of objects with single values, from the file alone: the environment has no form for one.
    public mutating func objects(_ key: String) -> [JSONValue]? {
        known.insert(key)
        guard let node = values[key] else { return nil }
        guard let list = node.sequence, list.allSatisfy({ $0.mapping != nil }) else {
            fault(key, "must be a list of objects")
            return nil
        }
        var objects: [JSONValue] = []
        for (index, element) in list.enumerated() {
            var members: [String: JSONValue] = [:]
            for (name, value) in element.mapping ?? [:] {
                guard let name = name.scalar?.string else { continue }
                members[name] = value.scalar.flatMap { resolve($0.string, "\(key)[\(index)].\(name)") }.map(JSONValue.string)
            }
            objects.append(.object(members))
        }
        return objects
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
}

extension Node {
    /// A key without a value.
    fileprivate var isNothing: Bool { scalar.map { $0.style == .plain && ["", "~", "null"].contains($0.string) } ?? false }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        var rest = drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
