public import AdapterKit

/// One mailbox as people write it: `hello@example.nl` or `Example <hello@example.nl>` (RFC 5322, section 3.4; RFC 6532 for other scripts).
///
/// Address literals (`a@[192.0.2.1]`), comments, groups and source routes are refused: nobody is notified at one.
public struct EmailAddress: Hashable, Sendable {
    /// The name shown to people, without quotes.
    public let displayName: String?
    /// As it was written, but without quotes where none are needed.
    public let localPart: String
    /// In lower case.
    public let domain: String

    /// What stands in an envelope: `local@domain`.
    public var mailbox: String { localPart + "@" + domain }

    public var isASCII: Bool { mailbox.utf8.allSatisfy { $0 < 0x80 } }

    /// The mailbox by which suppression and de-duplication know it: all in lower case.
    ///
    /// RFC 5321 (section 2.4) lets a host tell `Jan` from `jan`, but none that matters does, while people write either. A person who opted out as
    /// one must not be reached as the other.
    public var canonical: String { mailbox.lowercased() }

    /// Reads one mailbox; blanks around it are ignored, line breaks are not.
    public init(_ text: String) throws(EndpointError) {
        guard !text.unicodeScalars.contains(where: MIMEEncoding.isControl) else {
            throw EndpointError("an e-mail address may not hold line breaks or control characters")
        }
        let trimmed = Self.trim(text[...])
        guard trimmed.last == ">" else {
            (localPart, domain) = try Self.split(trimmed)
            displayName = nil
            return
        }
        guard let open = trimmed.lastIndex(of: "<") else { throw EndpointError("an e-mail address that ends in > needs a < too") }
        (localPart, domain) = try Self.split(Self.trim(trimmed[trimmed.index(after: open)...].dropLast()))
        displayName = try Self.name(Self.trim(trimmed[..<open]))
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }

    // MARK: - Name

    private static func name(_ text: Substring) throws(EndpointError) -> String? {
        guard !text.isEmpty else { return nil }
        if text.first == "\"" {
            guard let content = unquote(text) else { throw EndpointError("the name before the address is not quoted rightly") }
            return content.isEmpty ? nil : content
        }
        guard !text.contains(where: { "<>@,;:\\\"[]".contains($0) }) else {
            throw EndpointError("a name with one of <>@,;:\\\"[] must stand in double quotes, and there may be one address only")
        }
        return String(text)
    }

    /// The content of a quoted string, or `nil` when it is not one from its first to its last character.
    private static func unquote(_ text: Substring) -> String? {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return nil }
        var content = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if isEscaped {
                content.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                return nil
            } else {
                content.append(character)
            }
        }
        return isEscaped ? nil : content
    }

    // MARK: - Mailbox

    private static func split(_ text: Substring) throws(EndpointError) -> (local: String, domain: String) {
        guard let at = text.lastIndex(of: "@") else { throw EndpointError("an e-mail address needs an @") }
        let local = try localPart(text[..<at])
        let domain = try domain(text[text.index(after: at)...])
        // RFC 5321, section 4.5.3.1.3: a path has at most 256 octets, its angle brackets among them.
        guard local.utf8.count + 1 + domain.utf8.count <= 254 else { throw EndpointError("an e-mail address has at most 254 bytes") }
        return (local, domain)
    }

    private static func localPart(_ text: Substring) throws(EndpointError) -> String {
        guard !text.isEmpty else { throw EndpointError("the part before the @ is missing") }
        let local: String
        if text.first == "\"" {
            guard let content = unquote(text), content.unicodeScalars.allSatisfy({ $0 == " " || isPrintable($0) }) else {
                throw EndpointError("the part before the @ is not quoted rightly")
            }
            // Two spellings of one mailbox become one: quotes stay only where they are needed.
            local = isDotAtom(content[...]) ? content : MIMEEncoding.quotedString(content)
        } else {
            guard isDotAtom(text) else {
                throw EndpointError("the part before the @ holds a character, a blank or a dot that may not stand there")
            }
            local = String(text)
        }
        guard local.utf8.count <= 64 else { throw EndpointError("the part before the @ has at most 64 bytes") }
        return local
    }

    private static func isDotAtom(_ text: Substring) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.unicodeScalars.allSatisfy { $0.isASCII ? MIMEEncoding.isAtomText($0) : isPrintable($0) }
        }
    }

    private static func domain(_ text: Substring) throws(EndpointError) -> String {
        guard !text.isEmpty else { throw EndpointError("the part after the @ is missing") }
        let domain = text.lowercased()
        guard domain.utf8.count <= 255 else { throw EndpointError("the part after the @ has at most 255 bytes") }
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy(isLabel) else { throw EndpointError("the part after the @ is not a domain name") }
        // A name without a dot is a typing error (`jan@gmail`); one that ends in digits would be an IP address.
        guard labels.count > 1 || domain == "localhost", labels.last?.allSatisfy({ $0.isASCII && $0.isNumber }) == false else {
            throw EndpointError("the part after the @ is not a complete domain name")
        }
        return domain
    }

    /// Whether `text` can be one label of a domain: letters, digits and inner hyphens (RFC 1123, section 2.1), or their like in other scripts.
    private static func isLabel(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 63, text.first != "-", text.last != "-" else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .lowercaseLetter, .uppercaseLetter, .otherLetter, .modifierLetter, .decimalNumber, .nonspacingMark, .spacingMark: true
            default: scalar == "-"
            }
        }
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: false
        default: true
        }
    }
}

extension EmailAddress: CustomStringConvertible {
    /// Never the address: it may end up in a log.
    public var description: String { "‹address›" }
}
