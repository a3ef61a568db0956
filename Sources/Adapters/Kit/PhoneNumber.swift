/// Reads telephone numbers into E.164 (ITU-T E.164: `+`, a country code, at most 15 digits).
public enum PhoneNumber {
    /// The E.164 form of a number as people write it, or `nil` when it cannot be one.
    ///
    /// Blanks, dots, dashes, slashes and brackets are ignored, `00` stands for `+`, `(0)` after a country code is dropped, and a number in
    /// national form gets the country code of `region` (`31` unless told otherwise): `06 12345678` → `+31612345678`.
    public static func normalize(_ text: String, countryCode region: String = "31") -> String? {
        var cleaned = ""
        let characters = Array(text.filter { !$0.isWhitespace && $0 != "\u{200E}" && $0 != "\u{202A}" && $0 != "\u{202C}" })
        var index = 0
        while index < characters.count {
            let character = characters[index]
            if character == "(", index + 2 < characters.count, characters[index + 1] == "0", characters[index + 2] == ")",
                cleaned.hasPrefix("+") || cleaned.hasPrefix("00")
            {
                index += 3
                continue
            }
            switch character {
            case "+":
                guard cleaned.isEmpty else { return nil }
                cleaned.append("+")
            // A range of characters would also hold digits that carry combining marks.
            case _ where character.isASCII && character.isNumber: cleaned.append(character)
            case "-", ".", "/", "(", ")", "\u{2010}", "\u{2011}", "\u{2013}": break
            default: return nil
            }
            index += 1
        }
        let digits: String
        if cleaned.hasPrefix("+") {
            digits = String(cleaned.dropFirst())
        } else if cleaned.hasPrefix("00") {
            digits = String(cleaned.dropFirst(2))
        } else if cleaned.hasPrefix("0") {
            digits = region + cleaned.dropFirst()
        } else if cleaned.hasPrefix(region), cleaned.count == region.count + nationalLength(region) {
            digits = cleaned
        } else {
            return nil
        }
        guard let first = digits.first, first != "0", (8...15).contains(digits.count) else { return nil }
        // A Dutch number has nine digits after its country code (Nummerplan, ACM); anything else is a typing error worth catching.
        if digits.hasPrefix("31") {
            let national = digits.dropFirst(2)
            guard national.count == 9, national.first != "0" else { return nil }
        }
        return "+" + digits
    }

    private static func nationalLength(_ region: String) -> Int { region == "31" ? 9 : 15 - region.count }
}
