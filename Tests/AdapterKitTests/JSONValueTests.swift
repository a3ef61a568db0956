import AdapterKit
import Testing

@Suite struct JSONValueTests {
    @Test func equalValuesGiveEqualBytes() {
        let one: JSONValue = ["b": [1, 2.5, nil], "a": ["z": true, "y": false]]
        #expect(one.text == #"{"a":{"y":false,"z":true},"b":[1,2.5,null]}"#)
        #expect(one.bytes == Array(one.text.utf8))
    }

    @Test func stringsAreEscaped() {
        let value = JSONValue.string("\"\\/\n\r\t\u{8}\u{0}\u{1F}\u{7F}é😀")
        #expect(value.text == "\"\\\"\\\\/\\n\\r\\t\\u0008\\u0000\\u001f\u{7F}é😀\"")
    }

    @Test(arguments: [
        (0.0, "0"), (-0.5, "-0.5"), (100.0, "100"), (0.1, "0.1"), (1e300, "1e+300"), (Double.leastNonzeroMagnitude, "5e-324"),
        (123_456_789_012_345.0, "123456789012345"),
    ])
    func numbersKeepTheirValue(number: Double, text: String) throws {
        #expect(JSONValue.double(number).text == text)
        #expect(try JSONValue(parsing: text).doubleValue == number)
    }

    @Test func writingAndReadingAgree() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let value = Self.value(depth: 4, using: &random)
            #expect(try JSONValue(parsing: value.bytes) == value)
        }
    }

    private static func value(depth: Int, using random: inout SystemRandomNumberGenerator) -> JSONValue {
        func text() -> String {
            String(
                String.UnicodeScalarView(
                    (0..<Int.random(in: 0...8, using: &random)).compactMap { _ in
                        Unicode.Scalar(UInt32.random(in: 0...0x1_F6FF, using: &random))
                    }))
        }
        switch Int.random(in: depth > 0 ? 0...6 : 0...4, using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .int(.random(in: .min ... .max, using: &random))
        case 3: return .double(Double(Int.random(in: -1000...1000, using: &random)) + 0.5)
        case 4: return .string(text())
        case 5: return .array((0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth: depth - 1, using: &random) })
        default:
            var members: [String: JSONValue] = [:]
            for _ in 0..<Int.random(in: 0...3, using: &random) { members[text()] = value(depth: depth - 1, using: &random) }
            return .object(members)
        }
    }

    @Test func merging() {
        let below: JSONValue = ["a": 1, "b": ["c": 1, "d": [1, 2]], "e": "x"]
        let above: JSONValue = ["a": 2, "b": ["d": [3], "f": nil], "e": ["g": 1]]
        #expect(below.merging(above) == ["a": 2, "b": ["c": 1, "d": [3], "f": nil], "e": ["g": 1]])
        #expect(below.merging([:]) == below)
        #expect(below.merging(7) == 7)
        #expect(JSONValue.null.merging(below) == below)
    }

    @Test func looking() {
        let json: JSONValue = ["a": [1, 2.5, "x", true, nil]]
        #expect(json["a"]?[0]?.intValue == 1)
        #expect(json["a"]?[0]?.doubleValue == 1)
        #expect(json["a"]?[1]?.doubleValue == 2.5)
        #expect(json["a"]?[2]?.stringValue == "x")
        #expect(json["a"]?[3]?.boolValue == true)
        #expect(json["a"]?[4]?.isNull == true)
        #expect(json["a"]?[5] == nil)
        #expect(json["a"]?[-1] == nil)
        #expect(json["b"] == nil)
        #expect(json["a"]?["x"] == nil)
        #expect(json.arrayValue == nil)
    }
}
