/// A channel's settings after they were checked against its field specs.
public struct AdapterSettings: Hashable, Sendable {
    public enum Value: Hashable, Sendable {
        case string(String)
        case secret(Secret)
        case integer(Int64)
        case boolean(Bool)
        case duration(Duration)
        case strings([String])
        case objects([AdapterSettings])
    }

    private var values: [String: Value]

    /// Settings of an account that the operator wrote may reach any network; a tenant's may not.
    public var network: NetworkPolicy

    public init(_ values: [String: Value], network: NetworkPolicy = .trusted) {
        self.values = values
        self.network = network
    }

    /// Checks `json` against `specs`, fills in defaults, and throws every fault.
    ///
    /// Numbers and booleans may also be given as strings, as environment variables give them; a list of strings may be given as one, comma-separated.
    public init(_ json: JSONValue, specs: [FieldSpec], path: String = "", network: NetworkPolicy = .trusted) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        var values: [String: Value] = [:]
        for spec in specs {
            let given = reader.value(spec.key).flatMap(\.unlessNull)
            guard let raw = given ?? spec.defaultValue else {
                if spec.isRequired { reader.fault(spec.key, "is required: \(spec.doc)") }
                continue
            }
            do {
                values[spec.key] = try Self.read(raw, spec, path: reader.path(of: spec.key), network: network)
            } catch { reader.add(error) }
        }
        try reader.finish()
        self.init(values, network: network)
    }

    private static func read(_ raw: JSONValue, _ spec: FieldSpec, path: String, network: NetworkPolicy) throws(Faults) -> Value {
        func fault(_ message: String) -> Faults { Faults([Fault(path, message)]) }
        switch spec.kind {
        case .string:
            guard let text = raw.stringValue ?? raw.intValue.map(String.init) else { throw fault("must be a string") }
            if spec.isRequired, text.isEmpty { throw fault("must not be empty") }
            return spec.isSecret ? .secret(Secret(text)) : .string(text)
        case .integer(let range):
            guard let number = raw.intValue ?? raw.stringValue.flatMap(Int64.init) else { throw fault("must be a whole number") }
            guard range.contains(number) else { throw fault("must be between \(range.lowerBound) and \(range.upperBound)") }
            return .integer(number)
        case .boolean:
            guard let flag = raw.boolValue ?? raw.stringValue.flatMap(Bool.init) else { throw fault("must be true or false") }
            return .boolean(flag)
        case .duration:
            guard let text = raw.stringValue, let duration = Duration(configuration: text) else {
                throw fault("must be a duration such as 250ms, 15s, 10m, 24h or 90d")
            }
            return .duration(duration)
        case .url(let schemes):
            guard let text = raw.stringValue, let url = WebURL(text), schemes.contains(url.scheme) else {
                throw fault("must be a URL with scheme " + schemes.joined(separator: " or "))
            }
            return .string(text)
        case .choice(let choices):
            guard let text = raw.stringValue, choices.contains(text) else {
                throw fault("must be one of " + choices.joined(separator: ", "))
            }
            return .string(text)
        case .strings:
            if let text = raw.stringValue {
                return .strings(text.split(separator: ",").map(Self.trimmed).filter { !$0.isEmpty })
            }
            guard let list = raw.arrayValue else { throw fault("must be a list of strings") }
            let strings = list.compactMap { $0.stringValue ?? $0.intValue.map(String.init) }
            guard strings.count == list.count else { throw fault("must be a list of strings") }
            return .strings(strings)
        case .objects(let fields):
            guard let list = raw.arrayValue else { throw fault("must be a list") }
            var objects: [AdapterSettings] = []
            var faults: [Fault] = []
            for (index, element) in list.enumerated() {
                do {
                    objects.append(try AdapterSettings(element, specs: fields, path: "\(path)[\(index)]", network: network))
                } catch { faults.append(contentsOf: error.list) }
            }
            if !faults.isEmpty { throw Faults(faults) }
            return .objects(objects)
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var rest = text.drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }

    public subscript(key: String) -> Value? { values[key] }
    public func string(_ key: String) -> String? { if case .string(let value)? = values[key] { value } else { nil } }
    public func secret(_ key: String) -> Secret? { if case .secret(let value)? = values[key] { value } else { nil } }
    public func integer(_ key: String) -> Int? { if case .integer(let value)? = values[key] { Int(value) } else { nil } }
    public func boolean(_ key: String) -> Bool? { if case .boolean(let value)? = values[key] { value } else { nil } }
    public func duration(_ key: String) -> Duration? { if case .duration(let value)? = values[key] { value } else { nil } }
    public func strings(_ key: String) -> [String] { if case .strings(let value)? = values[key] { value } else { [] } }
    public func objects(_ key: String) -> [AdapterSettings] { if case .objects(let value)? = values[key] { value } else { [] } }
}

extension Duration {
    /// Reads `250ms`, `15s`, `10m`, `24h` or `90d`; `nil` for anything else, negative lengths among it.
    public init?(configuration text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let amount = Int64(digits), amount <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(amount)
        case "s": self = .seconds(amount)
        case "m": self = .seconds(amount * 60)
        case "h": self = .seconds(amount * 3600)
        case "d": self = .seconds(amount * 86_400)
        default: return nil
        }
    }
}
