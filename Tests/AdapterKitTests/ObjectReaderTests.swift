import AdapterKit
import Testing

@Suite struct ObjectReaderTests {
    private enum Colour: String, CaseIterable { case red, green }

    private func faults(_ json: JSONValue, path: String = "", _ read: (inout ObjectReader) -> Void) throws -> [Fault] {
        var reader = try ObjectReader(json, path: path)
        read(&reader)
        do { try reader.finish() } catch { return error.list }
        return []
    }

    @Test func everyFaultIsListed() throws {
        let json: JSONValue = [
            "name": 7, "long": "abcdef", "count": 1.5, "far": 11, "flag": "yes", "id": "x", "at": "tomorrow", "colour": "blue", "inner": [],
            "list": "x", "words": ["a", 1, true], "many": [1, 2, 3], "blank": " \n",
        ]
        let found = try faults(json, path: "a[0]") { reader in
            #expect(reader.string("name") == nil)
            _ = reader.string("long", maximum: 5)
            #expect(reader.int("count") == nil)
            #expect(reader.int("far", in: 1...10) == nil)
            #expect(reader.bool("flag") == nil)
            #expect(reader.id("id", as: MessageTag.self) == nil)
            #expect(reader.time("at") == nil)
            #expect(reader.choice("colour", as: Colour.self) == nil)
            #expect(reader.object("inner") == nil)
            #expect(reader.strings("list") == nil)
            #expect(reader.strings("words") == ["a"])
            _ = reader.list("many", count: 0...2) { (json: JSONValue, _: String) throws(Faults) in json }
            #expect(reader.string("blank", required: true) == nil)
            #expect(reader.string("missing", required: true) == nil)
        }
        #expect(
            found == [
                Fault("a[0].name", "must be a string"), Fault("a[0].long", "must have at most 5 characters, has 6"),
                Fault("a[0].count", "must be a whole number"), Fault("a[0].far", "must be between 1 and 10"),
                Fault("a[0].flag", "must be true or false"),
                Fault("a[0].id", "must be a UUID"), Fault("a[0].at", "must be an RFC 3339 date-time, such as 2026-03-01T09:30:00Z"),
                Fault("a[0].colour", "must be one of red, green"), Fault("a[0].inner", "must be an object"),
                Fault("a[0].list", "must be an array"),
                Fault("a[0].words[1]", "must be a string"), Fault("a[0].words[2]", "must be a string"),
                Fault("a[0].many", "must have between 0 and 2 elements, has 3"), Fault("a[0].blank", "must not be blank"),
                Fault("a[0].missing", "is required"),
            ])
    }

    @Test func valuesAreRead() throws {
        let id = MessageID.make()
        let json: JSONValue = [
            "s": "x", "i": 3, "b": false, "id": .string(id.description), "t": "1970-01-01T00:00:01Z", "c": "green", "o": ["k": 1],
            "l": ["a", "b"],
            "blank": "  ", "null": nil,
        ]
        let found = try faults(json) { reader in
            #expect(reader.string("s") == "x")
            #expect(reader.int("i", in: 3...3) == 3)
            #expect(reader.bool("b") == false)
            #expect(reader.id("id", as: MessageTag.self) == id)
            #expect(reader.time("t") == Timestamp(seconds: 1))
            #expect(reader.choice("c", as: Colour.self) == .green)
            #expect(reader.object("o") == ["k": 1])
            #expect(reader.strings("l") == ["a", "b"])
            #expect(reader.string("blank") == nil)
            #expect(reader.string("blank", allowBlank: true) == "  ")
            #expect(reader.string("null") == nil)
            #expect(reader.value("null") == .null)
        }
        #expect(found.isEmpty)
    }

    @Test func unknownMembersComeWithASuggestion() throws {
        let found = try faults(["recipent": 1, "zzz": 2, "Subject": 3]) { reader in
            _ = reader.string("recipient")
            _ = reader.string("subject")
        }
        #expect(
            found == [
                Fault("Subject", "is unknown; did you mean subject?"), Fault("recipent", "is unknown; did you mean recipient?"),
                Fault("zzz", "is unknown"),
            ])
    }

    @Test func whatIsNotAnObject() {
        for json in [JSONValue.null, [], 1, "x"] {
            #expect(throws: Faults([Fault("$", "must be an object")])) { try ObjectReader(json, path: "") }
            #expect(throws: Faults([Fault("a.b", "must be an object")])) { try ObjectReader(json, path: "a.b") }
        }
    }

    @Test func nearestNames() {
        #expect(nearest(to: "templateBdy", among: ["templateBody", "templateSubject"]) == "templateBody")
        #expect(nearest(to: "CHANNEL", among: ["channel"]) == "channel")
        #expect(nearest(to: "ab", among: ["ac", "ad"]) == "ac")
        #expect(nearest(to: "xyz", among: ["abc"]) == nil)
        #expect(nearest(to: "", among: ["abc"]) == nil)
        #expect(nearest(to: "kitten", among: ["sitting"]) == nil)
        #expect(nearest(to: "kittens", among: ["kitten"]) == "kitten")
    }
}
