import AdapterKit

/// A provider's message template with variables in its parameters.
struct ChatTemplateRenderer: Hashable, Sendable {
    private indirect enum Node: Hashable, Sendable {
        case constant(JSONValue)
        case text(Template)
        case array([Node])
        case object([String: Node])
    }

    private let name: String
    private let language: String
    private let components: Node
    let references: [Template.Reference]

    /// Compiles `{name, language, components}`, strings at every depth of `components` being templates.
    init(_ stored: JSONValue, path: String) throws(Faults) {
        var faults: [Fault] = []
        var references: [Template.Reference] = []
        name = stored["name"]?.stringValue?.unlessBlank ?? ""
        if name.isEmpty { faults.append(Fault("\(path).name", "a template has a name")) }
        language = stored["language"]?.stringValue?.unlessBlank ?? Language.dutch.rawValue
        let list = stored["components"] ?? .array([])
        if list.arrayValue == nil, !list.isNull { faults.append(Fault("\(path).components", "components are a list")) }
        components = Self.compile(list.isNull ? .array([]) : list, "\(path).components", &faults, &references)
        self.references = references
        guard faults.isEmpty else { throw Faults(faults) }
    }

    private static func compile(
        _ value: JSONValue, _ path: String, _ faults: inout [Fault], _ references: inout [Template.Reference]
    ) -> Node {
        switch value {
        case .string(let text):
            do {
                let template = try Template(text, path: path)
                references += template.references
                return template.references.isEmpty ? .constant(value) : .text(template)
            } catch {
                faults += error.list
                return .constant(value)
            }
        case .array(let elements):
            var nodes: [Node] = []
            for (index, element) in elements.enumerated() { nodes.append(compile(element, "\(path)[\(index)]", &faults, &references)) }
            return .array(nodes)
        case .object(let members):
            var nodes: [String: Node] = [:]
            for (key, member) in members.sorted(by: { $0.key < $1.key }) {
                nodes[key] = compile(member, "\(path).\(key)", &faults, &references)
            }
            return .object(nodes)
        default: return .constant(value)
        }
    }

    /// The template filled in; `nil` when a parameter comes out blank, which no provider takes.
    func render(_ variables: TemplateVariables) throws(RenderError) -> ChatTemplate? {
        guard let filled = try Self.fill(components, variables) else { return nil }
        return ChatTemplate(name: name, language: language, components: filled)
    }

    private static func fill(_ node: Node, _ variables: TemplateVariables) throws(RenderError) -> JSONValue? {
        switch node {
        case .constant(let value): return value
        case .text(let template):
            // A parameter may hold no line break, no tab and no run of blanks (Cloud API, error 132018).
            let text = try template.render(variables).split(whereSeparator: \.isWhitespace).joined(separator: " ")
            return text.isEmpty ? nil : .string(text)
        case .array(let nodes):
            var elements: [JSONValue] = []
            for node in nodes {
                guard let element = try fill(node, variables) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        case .object(let nodes):
            var members: [String: JSONValue] = [:]
            for (key, node) in nodes {
                guard let member = try fill(node, variables) else { return nil }
                members[key] = member
            }
            return .object(members)
        }
    }
}
