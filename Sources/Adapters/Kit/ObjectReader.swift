/// Reads the members of a JSON object and remembers every fault, so that one answer lists them all.
///
/// Members that nobody asked for are faults too, with a suggestion where a known name is near.
public struct ObjectReader {
    private let members: [String: JSONValue]
    private let path: String
    private var known: Set<String> = []
    public private(set) var faults: [Fault] = []

    /// Throws one fault when `json` is not an object. An empty `path` names the document itself.
    public init(_ json: JSONValue, path: String) throws(Faults) {
        guard case .object(let members) = json else { throw Faults([Fault(path.isEmpty ? "$" : path, "must be an object")]) }
        self.members = members
        self.path = path
    }

    /// The path of a member, or of the object itself.
    public func path(of key: String?) -> String {
        guard let key else { return path.isEmpty ? "$" : path }
        return path.isEmpty ? key : path + "." + key
    }

    public mutating func fault(_ key: String?, _ message: String) { faults.append(Fault(path(of: key), message)) }
    public mutating func add(_ more: Faults) { faults.append(contentsOf: more.list) }

    /// The raw member, `nil` when it is absent.
    public mutating func value(_ key: String) -> JSONValue? {
        known.insert(key)
        return members[key]
    }

    private mutating func present(_ key: String, required: Bool) -> JSONValue? {
        known.insert(key)
        if let value = members[key], !value.isNull { return value }
        if required { fault(key, "is required") }
        return nil
    }

    /// A string of at most `maximum` characters; blank ones count as absent unless allowed.
    public mutating func string(_ key: String, required: Bool = false, maximum: Int? = nil, allowBlank: Bool = false) -> String? {
        guard let value = present(key, required: required) else { return nil }
        guard let text = value.stringValue else {
            fault(key, "must be a string")
            return nil
        }
        if let maximum, text.count > maximum { fault(key, "must have at most \(maximum) characters, has \(text.count)") }
        if !allowBlank, text.unlessBlank == nil {
            if required { fault(key, "must not be blank") }
            return nil
        }
        return text
    }

    public mutating func int(_ key: String, required: Bool = false, in range: ClosedRange<Int64>? = nil) -> Int64? {
        guard let value = present(key, required: required) else { return nil }
        guard let number = value.intValue else {
            fault(key, "must be a whole number")
            return nil
        }
        if let range, !range.contains(number) {
            fault(key, "must be between \(range.lowerBound) and \(range.upperBound)")
            return nil
        }
        return number
    }

    public mutating func bool(_ key: String) -> Bool? {
        guard let value = present(key, required: false) else { return nil }
        if value.boolValue == nil { fault(key, "must be true or false") }
        return value.boolValue
    }

    public mutating func id<Tag>(_ key: String, as type: Tag.Type = Tag.self, required: Bool = false) -> ID<Tag>? {
        guard let value = present(key, required: required) else { return nil }
        guard let text = value.stringValue, let id = ID<Tag>(text) else {
            fault(key, "must be a UUID")
            return nil
        }
        return id
    }

    public mutating func time(_ key: String, required: Bool = false) -> Timestamp? {
        guard let value = present(key, required: required) else { return nil }
        guard let text = value.stringValue, let time = Timestamp(text) else {
            fault(key, "must be an RFC 3339 date-time, such as 2026-03-01T09:30:00Z")
            return nil
        }
        return time
    }

    public mutating func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, as type: Value.Type = Value.self, required: Bool = false
    ) -> Value?
    where Value.RawValue == String {
        guard let value = present(key, required: required) else { return nil }
        guard let text = value.stringValue, let choice = Value(rawValue: text) else {
            fault(key, "must be one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
            return nil
        }
        return choice
    }

    public mutating func object(_ key: String) -> [String: JSONValue]? {
        guard let value = present(key, required: false) else { return nil }
        if value.objectValue == nil { fault(key, "must be an object") }
        return value.objectValue
    }

    public mutating func strings(_ key: String) -> [String]? {
        list(key) { (json: JSONValue, path: String) throws(Faults) in
            guard let text = json.stringValue else { throw Faults([Fault(path, "must be a string")]) }
            return text
        }
    }

    /// An array whose elements are each read by `element`; the faults of all of them are kept.
    public mutating func list<Element>(
        _ key: String, required: Bool = false, count: ClosedRange<Int>? = nil, _ element: (JSONValue, String) throws(Faults) -> Element
    ) -> [Element]? {
        guard let value = present(key, required: required) else { return nil }
        guard let elements = value.arrayValue else {
            fault(key, "must be an array")
            return nil
        }
        if let count, !count.contains(elements.count) {
            fault(key, "must have between \(count.lowerBound) and \(count.upperBound) elements, has \(elements.count)")
        }
        var result: [Element] = []
        for (index, json) in elements.enumerated() {
            do { result.append(try element(json, "\(path(of: key))[\(index)]")) } catch { faults.append(contentsOf: error.list) }
        }
        return result
    }

    /// Throws every fault found, those of unknown members among them.
    public mutating func finish() throws(Faults) {
        for key in members.keys.sorted() where !known.contains(key) {
            let near = nearest(to: key, among: known)
            fault(key, "is unknown" + (near.map { "; did you mean \($0)?" } ?? ""))
        }
        if !faults.isEmpty { throw Faults(faults) }
    }
}

/// The candidate that differs from `word` by at most a third of its letters, ignoring case: for "did you mean".
public func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    candidates.map { ($0, editDistance(word.lowercased(), $0.lowercased())) }
        .filter { $0.1 <= max(1, word.count / 3) }
        .min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
}

private func editDistance(_ a: String, _ b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, right) in b.enumerated() {
            let above = row[j + 1]
            row[j + 1] = left == right ? diagonal : min(diagonal, above, row[j]) + 1
            diagonal = above
        }
    }
    return row[b.count]
}

extension String {
    /// The text, or `nil` when there is nothing to be seen in it: what is blank counts as left out.
    public var unlessBlank: String? { allSatisfy(\.isWhitespace) ? nil : self }
}
