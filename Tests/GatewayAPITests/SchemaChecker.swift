import AdapterKit

/// Holds values against schemas of an OpenAPI 3.1 document (JSON Schema 2020-12): the keywords that ours uses, and a fault for any other.
struct SchemaChecker: Sendable {
    let document: JSONValue

    /// Where the value is not what the schema says.
    func faults(of value: JSONValue, _ schema: JSONValue) -> [String] { check(value, schema, "$").faults }

    func schema(named name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }

    /// What a reference stands for.
    func resolved(_ json: JSONValue) -> JSONValue {
        guard let reference = json["$ref"]?.stringValue else { return json }
        var target = document
        for part in reference.dropFirst(2).split(separator: "/") { target = target[String(part)] ?? .null }
        return target
    }

    private struct Finding {
        var faults: [String] = []
        /// The members that some part of the schema speaks of.
        var evaluated: Set<String> = []

        mutating func add(_ other: Finding) {
            faults += other.faults
            evaluated.formUnion(other.evaluated)
        }
    }

    private static let annotations: Set<String> = ["description", "default", "title"]

    private func check(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> Finding {
        var finding = Finding()
        guard let keywords = schema.objectValue else {
            finding.faults.append("\(path): there is no such schema")
            return finding
        }
        for (keyword, said) in keywords where keyword != "unevaluatedProperties" && !Self.annotations.contains(keyword) {
            finding.add(check(value, keyword, said, schema, path))
        }
        if keywords["unevaluatedProperties"] == false, let members = value.objectValue {
            for name in members.keys.sorted() where !finding.evaluated.contains(name) {
                finding.faults.append("\(path).\(name) is not in the document")
            }
        }
        return finding
    }

    private func check(_ value: JSONValue, _ keyword: String, _ said: JSONValue, _ schema: JSONValue, _ path: String) -> Finding {
        var finding = Finding()
        func expect(_ condition: Bool, _ words: @autoclosure () -> String) { if !condition { finding.faults.append("\(path) \(words())") } }
        switch keyword {
        case "$ref": return check(value, resolved(schema), path)
        case "allOf": for part in said.arrayValue ?? [] { finding.add(check(value, part, path)) }
        case "oneOf", "anyOf":
            let parts = (said.arrayValue ?? []).map { check(value, $0, path) }
            let good = parts.filter(\.faults.isEmpty)
            expect(
                keyword == "oneOf" ? good.count == 1 : !good.isEmpty,
                "fits \(good.count) of \(keyword): \(parts.flatMap(\.faults).prefix(4))")
            for part in good { finding.evaluated.formUnion(part.evaluated) }
        case "type":
            let types = said.arrayValue?.compactMap(\.stringValue) ?? [said.stringValue ?? ""]
            expect(types.contains { value.isOf(type: $0) }, "is no \(types.joined(separator: " or "))")
        case "enum": expect((said.arrayValue ?? []).contains(value), "is \(value.text), none of \(said.text)")
        case "const": expect(value == said, "is not \(said.text)")
        case "format": expect(value.stringValue.map { Self.fits($0, said.stringValue ?? "") } ?? true, "is no \(said.text)")
        case "minLength": expect(value.stringValue.map { $0.count >= said.intValue ?? 0 } ?? true, "is too short")
        case "maxLength": expect(value.stringValue.map { $0.count <= said.intValue ?? 0 } ?? true, "is too long")
        case "minimum": expect(value.doubleValue.map { $0 >= said.doubleValue ?? 0 } ?? true, "is too small")
        case "maximum": expect(value.doubleValue.map { $0 <= said.doubleValue ?? 0 } ?? true, "is too large")
        case "minItems": expect(value.arrayValue.map { $0.count >= said.intValue ?? 0 } ?? true, "has too few elements")
        case "maxItems": expect(value.arrayValue.map { $0.count <= said.intValue ?? 0 } ?? true, "has too many elements")
        case "minProperties": expect(value.objectValue.map { $0.count >= said.intValue ?? 0 } ?? true, "has too few members")
        case "maxProperties": expect(value.objectValue.map { $0.count <= said.intValue ?? 0 } ?? true, "has too many members")
        case "items":
            for (index, element) in (value.arrayValue ?? []).enumerated() {
                finding.faults += check(element, said, "\(path)[\(index)]").faults
            }
        case "required":
            for name in said.arrayValue?.compactMap(\.stringValue) ?? [] where value.objectValue != nil {
                expect(value[name] != nil, "lacks \(name)")
            }
        case "properties":
            for (name, schema) in said.objectValue ?? [:] {
                guard let member = value[name] else { continue }
                finding.evaluated.insert(name)
                finding.faults += check(member, schema, "\(path).\(name)").faults
            }
        case "additionalProperties":
            let named = schema["properties"]?.objectValue ?? [:]
            for (name, member) in value.objectValue ?? [:] where named[name] == nil {
                finding.evaluated.insert(name)
                if said == false {
                    expect(false, "has \(name), which is not in the document")
                } else {
                    finding.faults += check(member, said, "\(path).\(name)").faults
                }
            }
        default: finding.faults.append("\(path): this checker does not know \(keyword)")
        }
        return finding
    }

    private static func fits(_ text: String, _ format: String) -> Bool {
        switch format {
        case "uuid": UUIDBits(text) != nil
        case "date-time": Timestamp(text) != nil
        default: false
        }
    }
}

extension JSONValue {
    fileprivate func isOf(type: String) -> Bool {
        switch (self, type) {
        case (.null, "null"), (.bool, "boolean"), (.int, "integer"), (.int, "number"), (.double, "number"), (.string, "string"),
            (.array, "array"),
            (.object, "object"):
            true
        default: false
        }
    }
}
