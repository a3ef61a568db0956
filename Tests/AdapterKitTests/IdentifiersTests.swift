import AdapterKit
import Testing

@Suite struct IdentifiersTests {
    @Test func idsOfOneProcessRise() {
        let ids = (0..<10_000).map { _ in UUIDBits.version7() }
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0.0 < $0.1 })
        // As text and as bytes too, so that every store sorts them alike.
        let texts = ids.map(\.text)
        #expect(texts == texts.sorted())
    }

    @Test func idsMadeByManyTasksDiffer() async {
        let ids = await withTaskGroup(of: [MessageID].self) { group in
            for _ in 0..<8 { group.addTask { (0..<2000).map { _ in MessageID.make() } } }
            return await group.reduce(into: Set<MessageID>()) { $0.formUnion($1) }
        }
        #expect(ids.count == 16_000)
    }

    @Test func versionVariantAndTime() {
        let before = SystemClock().now.microseconds / 1000
        let id = UUIDBits.version7()
        #expect(id.high >> 12 & 0xF == 7)
        #expect(id.low >> 62 == 0b10)
        #expect(Int64(id.high >> 16) >= before)
    }

    @Test func text() {
        let id = UUIDBits(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        #expect(id.text == "01234567-89ab-cdef-fedc-ba9876543210")
        #expect(UUIDBits("01234567-89AB-CDEF-fedc-BA9876543210") == id)
        #expect(UUIDBits(bytes: id.bytes) == id)
        #expect(id.bytes.first == 0x01 && id.bytes.last == 0x10)
        #expect(UUIDBits(bytes: id.bytes.dropLast()) == nil)
        #expect(UUIDBits(bytes: id.bytes + [0]) == nil)
    }

    @Test(arguments: [
        "", "0123456789abcdeffedcba9876543210", "{01234567-89ab-cdef-fedc-ba9876543210}", "01234567-89ab-cdef-fedc-ba987654321",
        "01234567-89ab-cdef-fedc-ba98765432100", "0123456-789ab-cdef-fedc-ba9876543210", "01234567-89ab-cdef-fedc-ba987654321g",
        "01234567-89ab-cdef-fedc_ba9876543210", " 01234567-89ab-cdef-fedc-ba9876543210", "０1234567-89ab-cdef-fedc-ba9876543210",
    ])
    func refused(text: String) {
        #expect(UUIDBits(text) == nil)
        #expect(DeliveryID(text) == nil)
    }
}
