import AdapterKit
import Testing

@Suite("case 58: telephone numbers as people write them") struct PhoneNumberTests {
    @Test(arguments: [
        "06 12345678", "0612345678", "06-12345678", "06-12 34 56 78", "(06) 12345678", "06.12.34.56.78", "06/12345678", "+31612345678",
        "+31 6 12345678", "+31 (0)6 12345678", "+31(0)612345678", "0031612345678", "0031 6 1234 5678", "0031 (0)6 12345678", "31612345678",
        " 06 12345678\n", "06\u{A0}12345678", "06\u{2011}12345678", "06\u{2013}12345678", "\u{202A}+31612345678\u{202C}", "(0)6 12345678",
    ])
    func dutch(text: String) { #expect(PhoneNumber.normalize(text) == "+31612345678") }

    @Test(arguments: [
        ("020 123 4567", "+31201234567"), ("+32 470 12 34 56", "+32470123456"), ("0032470123456", "+32470123456"),
        ("+1 (212) 555-0123", "+12125550123"),
        ("+44 (0)20 7946 0123", "+442079460123"), ("+49 30 123456", "+4930123456"),
    ])
    func others(text: String, expected: String) { #expect(PhoneNumber.normalize(text) == expected) }

    @Test(arguments: [
        "", " ", "+", "0", "06", "06 1234567", "06 123456789", "612345678", "+31 06 12345678", "+0612345678", "00", "000612345678",
        "++31612345678",
        "+31+612345678", "06+12345678", "tel:0612345678", "06 1234567x", "06 12345678 ext 2", "+1234567", "+1234567890123456", "+31612",
        "٠٦١٢٣٤٥٦٧٨", "０６１２３４５６７８", "06 1234567\u{301}8", "06 1234567\u{FE0F}\u{20E3}8", "06\u{0}12345678", "jan@x.nl",
    ])
    func invalid(text: String) { #expect(PhoneNumber.normalize(text) == nil) }

    @Test func otherRegions() {
        #expect(PhoneNumber.normalize("0470 12 34 56", countryCode: "32") == "+32470123456")
        #expect(PhoneNumber.normalize("06 12345678", countryCode: "33") == "+33612345678")
    }

    @Test func theCanonicalFormIsItsOwn() {
        for _ in 0..<500 {
            let number = "+31" + String(Int.random(in: 100_000_000...999_999_999))
            #expect(PhoneNumber.normalize(number) == number)
            #expect(PhoneNumber.normalize("0" + number.dropFirst(3)) == number)
        }
    }
}
