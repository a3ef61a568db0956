/// Cleans lists of addresses as people and programs hand them over.
public enum Recipients {
    /// The addresses without surrounding blanks, without blank ones, and each once ignoring case; the first spelling wins.
    public static func normalize(_ addresses: [String]) -> [String] {
        var seen: Set<String> = []
        return addresses.compactMap { address in
            let trimmed = address.trimmed
            return !trimmed.isEmpty && seen.insert(trimmed.lowercased()).inserted ? trimmed : nil
        }
    }
}

extension String {
    /// The text without blanks and line breaks at either end.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest = rest.dropFirst() }
        while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
        return String(rest)
    }

    /// The text, or nothing when it is blank.
    var unlessBlank: String? {
        let text = trimmed
        return text.isEmpty ? nil : text
    }
}
