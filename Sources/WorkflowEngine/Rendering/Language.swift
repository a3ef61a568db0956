/// The languages in which money and dates are written.
public enum Language: String, Hashable, Sendable, CaseIterable {
    case dutch = "nl"
    case english = "en"
    case german = "de"
    case french = "fr"

    /// Whether a text is a language, perhaps with a script, region or variant (the common form of BCP 47), such as `nl-NL` or `en_GB`.
    public static func isTag(_ text: String) -> Bool {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == "-" || $0 == "_" }
        guard let language = parts.first, (2...3).contains(language.count), language.allSatisfy({ $0.isASCII && $0.isLetter }) else {
            return false
        }
        return parts.dropFirst().allSatisfy { (2...8).contains($0.count) && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } }
    }

    /// The language of a tag such as `nl-NL` or `en_GB`; Dutch for none and for languages that are not known here.
    public init(locale: String?) {
        let code = (locale ?? "").trimmed.lowercased().prefix { $0 != "-" && $0 != "_" }
        self = Language(rawValue: String(code)) ?? .dutch
    }
}
