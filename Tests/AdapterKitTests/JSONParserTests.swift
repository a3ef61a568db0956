import AdapterKit
import Testing

/// What RFC 8259 takes and what it does not, and what we refuse besides.
@Suite struct JSONParserTests {
    @Test(
        arguments: [
            ("null", JSONValue.null), ("true", true), (" false\n", false), ("0", 0), ("-0", 0), ("-1", -1), ("1.5", 1.5), ("1e2", 100.0),
            ("1E+2", 100.0), ("25e-2", 0.25), ("-0.5e1", -5.0), ("\"\"", ""), ("\t[ ]\r", []), ("{ }", [:]),
            ("[1,[2,[3]]]", [1, [2, [3]]]),
            (#"{"a":{"b":null}, "c":[true]}"#, ["a": ["b": nil], "c": [true]]),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"), (#""\ud83d\uDE00""#, "😀"),
            (#""\u0000""#, "\0"), ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"),
        ] as [(String, JSONValue)])
    func accepted(text: String, value: JSONValue) throws { #expect(try JSONValue(parsing: text) == value) }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "+1", "01", "-", "-01", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "1 2", "[", "]", "[1",
        "[1,]", "[,1]", "[1 2]", "{", "}", "{a:1}", "{'a':1}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#, #"{"a" 1}"#,
        #"{"a":1 "b":2}"#,
        #"{1:2}"#, "\"", "\"a", "\"\\", #""\x41""#, #""\u12""#, #""\u12G4""#, "\"a\nb\"", "\"\t\"", "'a'", "// x\n1", "/* */1", "\u{FEFF}1",
        "1e400", "-1e400", "\u{A0}1", "[1]]", #""a" "b""#,
    ])
    func refused(text: String) { #expect(throws: JSONError.self) { try JSONValue(parsing: text) } }

    @Test func halvesOfSurrogatePairs() {
        for text in [#""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud83d\n""#, #""\udc00\ud800""#] {
            #expect(throws: JSONError.self, "\(text)") { try JSONValue(parsing: text) }
        }
    }

    @Test func namesTwice() throws {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: #"{"a":1,"a":2}"#) }
        #expect(error?.message == "a member is named twice")
        #expect(throws: JSONError.self) { try JSONValue(parsing: #"{"a":1,"\u0061":2}"#) }
        #expect(try JSONValue(parsing: #"{"a":{"a":1},"A":2}"#) == ["a": ["a": 1], "A": 2])
    }

    @Test(arguments: [
        ("", 1, 1), ("{\"a\": }", 1, 7), ("{\n  \"é😀\": 1,\r\n  \"b\" 2\n}", 3, 7), ("[1]\n\nx", 3, 1), ("[\n", 2, 1),
    ])
    func aFaultHasItsPlace(text: String, line: Int, column: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.line == line && error?.column == column, "\(String(describing: error))")
        #expect(error?.description.hasSuffix(" in line \(line), column \(column)") == true)
    }

    @Test func depth() throws {
        func nested(_ levels: Int) -> String { String(repeating: "[", count: levels) + String(repeating: "]", count: levels) }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(32)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(33)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: #"{"a":[]}"#, maximumDepth: 1) }
        // Siblings do not add up.
        #expect(throws: Never.self) { try JSONValue(parsing: "[[],[],{}]", maximumDepth: 2) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test func integersAreExact() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .int(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .int(.min))
        #expect(try JSONValue(parsing: "9007199254740993") == .int(9_007_199_254_740_993))
        #expect(try JSONValue(parsing: "9223372036854775808") == .double(9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "1.0").intValue == nil)
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
            [0x80],
        ] as [[UInt8]])
    func bytesThatAreNotUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array("\"\\n".utf8) + bytes + [0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }

    @Test func collectionsWithoutContiguousStorage() throws {
        let bytes = Array(#"{"a":[1,"é"]}"#.utf8)
        #expect(try JSONValue(parsing: bytes.lazy.map { $0 }) == ["a": [1, "é"]])
        #expect(try JSONValue(parsing: Array(" 1 ".utf8)[1...]) == 1)
    }

    @Test func everyTruncationIsRefused() {
        let text = #"{"a":[1.5e3,"é\u00e9\ud83d\ude00",true,null],"b":{"c":"x"}}"#
        let bytes = Array(text.utf8)
        for length in 0..<bytes.count { #expect(throws: JSONError.self) { try JSONValue(parsing: bytes[..<length]) } }
        #expect(throws: Never.self) { try JSONValue(parsing: bytes) }
    }
}
