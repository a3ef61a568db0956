public import AdapterKit
import Yams

/// Reads YAML into JSON values: specs and cases are data, and this is all they need of YAML.
public enum YAMLText {
    /// Throws a fault for text that is not YAML, or whose mappings have keys that are not strings or stand twice.
    public static func parse(_ text: String) throws(Faults) -> JSONValue {
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch { throw Faults([Fault("$", "is not YAML: \(error)")]) }
        return try node.map(value) ?? .null
    }

    private static func value(_ node: Node) throws(Faults) -> JSONValue {
        switch node {
        case .scalar(let scalar): return plain(scalar)
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for element in sequence { elements.append(try value(element)) }
            return .array(elements)
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            for (key, element) in mapping {
                guard let name = key.scalar?.string else { throw Faults([Fault("$", "a key must be a string")]) }
                members[name] = try value(element)
            }
            return .object(members)
        case .alias: throw Faults([Fault("$", "aliases are not used here")])
        }
    }

    /// The core schema of YAML 1.2, except that numbers with a sign or a leading zero are text: telephone numbers are.
    private static func plain(_ scalar: Node.Scalar) -> JSONValue {
        let text = scalar.string
        guard scalar.style == .plain || scalar.style == .any else { return .string(text) }
        switch text {
        case "", "~", "null": return .null
        case "true": return true
        case "false": return false
        default: break
        }
        let isNumeral =
            text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
            && (text == "0" || !text.hasPrefix("0") || text.hasPrefix("0."))
        if isNumeral, let whole = Int64(text) { return .int(whole) }
        if isNumeral, let number = Double(text), number.isFinite { return .double(number) }
        return .string(text)
    }
}
