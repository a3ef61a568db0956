import AdapterKit
import Testing

/// The checker finds what it is for: a checker that passes everything proves nothing.
@Suite struct SchemaCheckerTests {
    private static let named: JSONValue = [
        "type": "object", "required": ["name"], "properties": ["name": ["type": "string", "maxLength": 3]],
    ]
    private static let closed: JSONValue = [
        "allOf": [["$ref": "#/components/schemas/Named"]], "properties": ["age": ["type": "integer"]], "unevaluatedProperties": false,
    ]
    private static let schemas: JSONValue = ["Named": named, "Closed": closed]
    private static let checker = SchemaChecker(document: ["components": ["schemas": schemas]])

    private static let values: [(JSONValue, [String])] = [
        (["name": "abc", "age": 1], []), (["name": "abcd"], ["$.name is too long"]), (["age": 1], ["$ lacks name"]),
        (["name": "a", "age": "1"], ["$.age is no integer"]), (["name": "a", "hat": 1], ["$.hat is not in the document"]),
        ([1], ["$ is no object"]),
    ]

    @Test(arguments: values) func faultsAreFound(value: JSONValue, faults: [String]) {
        #expect(Self.checker.faults(of: value, Self.checker.schema(named: "Closed")) == faults)
    }

    private static let keywords: [(JSONValue, JSONValue, Bool)] = [
        (["oneOf": [["type": "string"], ["type": "null"]]], "x", true), (["oneOf": [["type": "string"], ["type": "null"]]], 1, false),
        (["enum": ["a", nil]], nil, true), (["enum": ["a"]], "b", false), (["type": "string", "format": "uuid"], "x", false),
        (["type": "string", "format": "date-time"], "2026-03-01T09:00:00Z", true), (["additionalProperties": false], ["a": 1], false),
        (["type": ["number", "null"], "minimum": 0], -1, false), (["patternProperties": [:]], [:], false),
        (["type": "array", "minItems": 1, "items": ["const": 1]], [2], false), (["$ref": "#/components/schemas/Lost"], [:], false),
    ]

    @Test(arguments: keywords) func keywordsMeanWhatTheySay(schema: JSONValue, value: JSONValue, isGood: Bool) {
        #expect(Self.checker.faults(of: value, schema).isEmpty == isGood)
    }
}
