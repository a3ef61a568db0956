/// Resolves character references: `&euro;`, `&#8364;`, `&#x20AC;` (HTML standard, section 13.5).
enum HTMLReferences {
    /// What is no reference stays as it stands.
    static func resolved(_ text: Substring) -> String {
        guard text.utf8.contains(0x26) else { return String(text) }
        var output = ""
        var rest = text
        while let ampersand = rest.firstIndex(of: "&") {
            output += rest[..<ampersand]
            let inside = rest[rest.index(after: ampersand)...]
            let name = inside.prefix(12).prefix { $0 != ";" && $0 != "&" && !$0.isWhitespace }
            guard let character = character(name), inside[name.endIndex...].first == ";" else {
                output += "&"
                rest = inside
                continue
            }
            output += character
            rest = inside[name.endIndex...].dropFirst()
        }
        return output + rest
    }

    private static func character(_ name: Substring) -> String? {
        guard name.first == "#" else { return named[name] }
        let digits = name.dropFirst()
        let isHexadecimal = digits.first == "x" || digits.first == "X"
        guard let number = isHexadecimal ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits), let scalar = Unicode.Scalar(number)
        else {
            return nil
        }
        // No channel can carry the other control characters.
        if number < 0x20 || number == 0x7F { return number == 0x0A || number == 0x09 ? String(scalar) : "" }
        // Old editors number these by Windows-1252, and the standard reads them so.
        if let index = Int(exactly: number), (0x80...0x9F).contains(index) { return String(windows1252[index - 0x80]) }
        return String(scalar)
    }

    private static let windows1252 = Array("€\u{FFFD}‚ƒ„…†‡ˆ‰Š‹Œ\u{FFFD}Ž\u{FFFD}\u{FFFD}‘’“”•–—˜™š›œ\u{FFFD}žŸ")

    /// The names that people and editors really write in messages. Marks that only guide the breaking of words show nothing.
    private static let named: [Substring: String] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}", "shy": "", "zwnj": "", "zwj": "", "ensp": " ",
        "emsp": " ", "thinsp": " ",
        "euro": "€", "pound": "£", "cent": "¢", "yen": "¥", "copy": "©", "reg": "®", "trade": "™", "deg": "°", "middot": "·", "bull": "•",
        "hellip": "…", "ndash": "–", "mdash": "—", "minus": "−", "lsquo": "‘", "rsquo": "’", "sbquo": "‚", "ldquo": "“", "rdquo": "”",
        "bdquo": "„", "laquo": "«", "raquo": "»", "lsaquo": "‹", "rsaquo": "›", "times": "×", "divide": "÷", "plusmn": "±", "frac12": "½",
        "frac14": "¼", "frac34": "¾", "sup2": "²", "sup3": "³", "micro": "µ", "para": "¶", "sect": "§", "permil": "‰", "larr": "←",
        "rarr": "→", "uarr": "↑", "darr": "↓", "check": "✓", "iexcl": "¡", "iquest": "¿", "szlig": "ß",
        "agrave": "à", "aacute": "á", "acirc": "â", "atilde": "ã", "auml": "ä", "aring": "å", "aelig": "æ", "ccedil": "ç", "egrave": "è",
        "eacute": "é", "ecirc": "ê", "euml": "ë", "igrave": "ì", "iacute": "í", "icirc": "î", "iuml": "ï", "ntilde": "ñ", "ograve": "ò",
        "oacute": "ó", "ocirc": "ô", "otilde": "õ", "ouml": "ö", "oslash": "ø", "oelig": "œ", "scaron": "š", "ugrave": "ù", "uacute": "ú",
        "ucirc": "û", "uuml": "ü", "yacute": "ý", "yuml": "ÿ",
        "Agrave": "À", "Aacute": "Á", "Acirc": "Â", "Auml": "Ä", "Aring": "Å", "AElig": "Æ", "Ccedil": "Ç", "Egrave": "È", "Eacute": "É",
        "Ecirc": "Ê", "Euml": "Ë", "Iuml": "Ï", "Ntilde": "Ñ", "Ouml": "Ö", "Oslash": "Ø", "OElig": "Œ", "Scaron": "Š", "Uuml": "Ü",
    ]
}
