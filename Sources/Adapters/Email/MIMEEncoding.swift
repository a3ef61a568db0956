import AdapterKit

/// The encodings that carry any text and any bytes through seven-bit lines: pure functions, no state.
enum MIMEEncoding {
    /// The longest line that encoded text gets, without its CRLF (RFC 2045, section 6.7; RFC 2047, section 2).
    static let lineLength = 76

    /// From this length on, a header's name stands on a line of its own.
    private static let longName = 40

    // MARK: - Bodies

    /// Base64 in lines of 76 characters, each ended by CRLF (RFC 2045, section 6.8).
    static func base64(_ bytes: [UInt8]) -> [UInt8] {
        let encoded = Array(Base64.encode(bytes).utf8)
        var lines: [UInt8] = []
        lines.reserveCapacity(base64Length(of: bytes.count))
        for start in stride(from: 0, to: encoded.count, by: lineLength) {
            lines += encoded[start..<min(start + lineLength, encoded.count)]
            lines += crlf
        }
        return lines
    }

    /// How many bytes `base64` makes of so many.
    static func base64Length(of count: Int) -> Int {
        let characters = (count + 2) / 3 * 4
        return characters + (characters + lineLength - 1) / lineLength * 2
    }

    /// Quoted-printable of text in CRLF lines (RFC 2045, section 6.7): lines of at most 76 characters, no blank at the end of one.
    static func quotedPrintable(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + bytes.count / 8)
        var column = 0
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x0D, index + 1 < bytes.count, bytes[index + 1] == 0x0A {
                output += crlf
                column = 0
                index += 2
                continue
            }
            let byte = bytes[index]
            let endsLine = index + 1 == bytes.count || (bytes[index + 1] == 0x0D && index + 2 < bytes.count && bytes[index + 2] == 0x0A)
            let isLiteral = (byte >= 0x21 && byte <= 0x7E && byte != 0x3D) || ((byte == 0x20 || byte == 0x09) && !endsLine)
            let width = isLiteral ? 1 : 3
            // The last column is kept for the = of a soft break, unless the line ends here anyway.
            if column + width > (endsLine ? lineLength : lineLength - 1) {
                output += [0x3D, 0x0D, 0x0A]
                column = 0
            }
            if isLiteral { output.append(byte) } else { output += [0x3D, hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]] }
            column += width
            index += 1
        }
        return output
    }

    /// Text with every kind of line break made CRLF.
    static func canonicalLines(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count + 16)
        var previous: UInt8 = 0
        for byte in text.utf8 {
            switch byte {
            case 0x0D: output += crlf
            case 0x0A where previous == 0x0D: break
            case 0x0A: output += crlf
            default: output.append(byte)
            }
            previous = byte
        }
        return output
    }

    // MARK: - Headers

    /// `text` as encoded words of at most 75 characters, split between characters (RFC 2047, sections 2 and 5).
    ///
    /// Uses the characters that are safe in a phrase too. `used` is what already stands on the first line.
    static func encodedWords(_ text: String, used: Int) -> [String] {
        // "Q" as long as much of it stays readable: it is the longer one for most scripts but Latin.
        let usesQ = quotedLength(text) <= text.utf8.count * 9 / 4
        let used = used > longName ? 1 : used
        var words: [String] = []
        var payload: [UInt8] = []
        func finishWord() {
            guard !payload.isEmpty else { return }
            words.append(
                "=?UTF-8?" + (usesQ ? "Q?" + String(decoding: payload.flatMap(quoted), as: UTF8.self) : "B?" + Base64.encode(payload))
                    + "?=")
            payload = []
        }
        func room() -> Int { max(12, (words.isEmpty ? lineLength - used : lineLength - 1) - 12) }
        func length(_ bytes: [UInt8]) -> Int { usesQ ? bytes.reduce(0) { $0 + quoted($1).count } : (bytes.count + 2) / 3 * 4 }
        func append(_ unit: [UInt8]) {
            if length(payload + unit) > room() { finishWord() }
            payload += unit
        }
        for character in text {
            let bytes = Array(character.utf8)
            // A character of many combining marks may not fit one word; its code points always do.
            if length(bytes) <= (payload.isEmpty ? room() : 60) {
                append(bytes)
            } else {
                for scalar in character.unicodeScalars { append(Array(String(scalar).utf8)) }
            }
        }
        finishWord()
        return words
    }

    private static func quotedLength(_ text: String) -> Int { text.utf8.reduce(0) { $0 + quoted($1).count } }

    /// One byte in the "Q" encoding, with the alphabet that RFC 2047, section 5 (3) allows everywhere.
    private static func quoted(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case 0x20: [0x5F]
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x21, 0x2A, 0x2B, 0x2D, 0x2F: [byte]
        default: [0x3D, hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
        }
    }

    /// A quoted string (RFC 5322, section 3.2.4).
    static func quotedString(_ text: String) -> String {
        var quoted = "\""
        for character in text.unicodeScalars {
            if character == "\"" || character == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }

    /// The parameter `name` of a header with any text as its value (RFC 2231, sections 3 and 4), in pieces that each fit a line.
    static func parameter(_ name: String, _ value: String) -> [String] {
        let plain = quotedString(value)
        // Many readers decode encoded words in a quoted string too, against RFC 2047.
        if value.utf8.allSatisfy({ $0 < 0x80 }), plain.utf8.count <= 60, !value.contains("=?") { return ["\(name)=\(plain)"] }
        var sections: [String] = [""]
        for scalar in value.unicodeScalars {
            let encoded = String(scalar).utf8.map(percentEncoded).joined()
            if sections[sections.count - 1].utf8.count + encoded.utf8.count > 50 { sections.append("") }
            sections[sections.count - 1] += encoded
        }
        guard sections.count > 1 else { return ["\(name)*=UTF-8''\(sections[0])"] }
        return sections.enumerated().map { "\(name)*\($0)*=\($0 == 0 ? "UTF-8''" : "")\($1)" }
    }

    private static func percentEncoded(_ byte: UInt8) -> String {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: String(Unicode.Scalar(byte))
        default: "%" + String(decoding: [hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]], as: UTF8.self)
        }
    }

    /// A header field, folded before blanks so that its lines stay within 76 characters where its pieces allow.
    ///
    /// Each piece begins with the blank before which it may be folded.
    static func field(_ name: String, _ pieces: [String]) -> [UInt8] {
        var lines = name + ":"
        var column = lines.utf8.count
        var mayFold = column >= longName
        for piece in pieces {
            if column + piece.utf8.count > lineLength, mayFold {
                lines += "\r\n"
                column = 0
            }
            lines += piece
            column += piece.utf8.count
            mayFold = true
        }
        return Array(lines.utf8) + crlf
    }

    /// The pieces of unstructured text (RFC 5322, section 2.2.1): as it stands when it is plain ASCII, else in encoded words.
    static func unstructured(_ text: String, used: Int) -> [String] {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && !text.contains("=?") && text.first != " " && text.last != " "
        guard isPlain else { return encodedWords(text, used: used).map { " " + $0 } }
        let pieces = breakable(" " + text)
        guard pieces.allSatisfy({ $0.utf8.count <= 900 }) else { return encodedWords(text, used: used).map { " " + $0 } }
        return pieces
    }

    /// Cuts text before each run of blanks, so that no line made of blanks alone can come of it.
    static func breakable(_ text: String) -> [String] {
        var pieces: [String] = []
        var current: [UInt8] = []
        for byte in text.utf8 {
            if byte == 0x20, let last = current.last, last != 0x20 {
                pieces.append(String(decoding: current, as: UTF8.self))
                current = []
            }
            current.append(byte)
        }
        if !current.isEmpty { pieces.append(String(decoding: current, as: UTF8.self)) }
        return pieces
    }

    // MARK: - Characters

    static let crlf: [UInt8] = [0x0D, 0x0A]
    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    /// CR, LF, NUL and the other controls of ASCII: none may stand in a header or an envelope.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.value < 0x20 || scalar.value == 0x7F }

    /// `atext` of RFC 5322, section 3.2.3.
    static func isAtomText(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: "!#$%&'*+-/=?^_`{|}~".unicodeScalars.contains(scalar)
        }
    }
}
