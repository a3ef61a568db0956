public import AdapterKit

/// Everything a template can reach: a tree of values under named roots, found ignoring case.
public struct TemplateVariables: Hashable, Sendable {
    /// The roots that exist for every event, whether or not anything is known under them.
    public static let builtInRoots: Set<String> = ["lead", "partner", "agent", "org", "quote", "links", "appointment", "offer"]

    /// The variables with their keys as documents spell them.
    public let json: JSONValue
    private let folded: [String: JSONValue]

    /// The variables of an event: its known fields, laid over its own variables at every depth.
    ///
    /// A field that is not known lets the event's own variable of that name show.
    public init(_ input: VariableInput) {
        var known = KnownVariables(input)
        let own: JSONValue = if case .object = input.variables { input.variables } else { .object([:]) }
        known.fillNames(from: own)
        self.init(json: known.json.laid(over: own))
    }

    /// Variables as they stand, for previews and for programs that bring their own.
    public init(json: JSONValue) {
        self.json = json
        self.folded = json.foldingKeys.objectValue ?? [:]
    }

    /// Whether a template may begin a name with `root`, given in lower case.
    public func knows(root: String) -> Bool { Self.builtInRoots.contains(root) || folded[root] != nil }

    /// The value that `reference` names; JSON's null for a key that nothing is known about.
    func value(of reference: Template.Reference) throws(RenderError) -> JSONValue {
        guard knows(root: reference.root) else {
            throw .unknownRoot(name: reference.name, root: String(reference.name.prefix { $0 != "." }))
        }
        var value = JSONValue.object(folded)
        for key in reference.keys {
            guard let next = value[key] else { return .null }
            value = next
        }
        return value
    }
}

extension JSONValue {
    /// The same tree with every key in lower case; of two keys that differ in case alone the one that sorts first stays.
    fileprivate var foldingKeys: JSONValue {
        switch self {
        case .object(let members):
            var folded: [String: JSONValue] = [:]
            for (key, value) in members.sorted(by: { $0.key < $1.key }) where folded[key.lowercased()] == nil {
                folded[key.lowercased()] = value.foldingKeys
            }
            return .object(folded)
        case .array(let elements): return .array(elements.map(\.foldingKeys))
        default: return self
        }
    }

    /// This object's members over those of `other`, at every depth; keys are the same when they are equal ignoring case, in our spelling.
    fileprivate func laid(over other: JSONValue) -> JSONValue {
        guard case .object(let mine) = self else { return self }
        guard case .object(let theirs) = other else { return mine.isEmpty ? other : self }
        let spelling = Dictionary(mine.keys.map { ($0.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
        var result = mine
        var merged: Set<String> = []
        for (key, value) in theirs.sorted(by: { $0.key < $1.key }) {
            if let own = spelling[key.lowercased()], let known = mine[own] {
                // Of two spellings of one key the first one counts, here as in look-ups.
                if merged.insert(own).inserted { result[own] = known.laid(over: value) }
            } else {
                result[key] = value
            }
        }
        return .object(result)
    }
}
