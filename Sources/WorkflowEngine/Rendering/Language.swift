/// The languages in which money and dates are written.
public enum Language: String, Hashable, Sendable, CaseIterable {
    case dutch = "nl"
    case english = "en"
    case german = "de"
    case french = "fr"

    /// The language of a tag such as `nl-NL` or `en_GB`; Dutch for none and for languages that are not known here.
    public init(locale: String?) {
        let code = (locale ?? "").trimmed.lowercased().prefix { $0 != "-" && $0 != "_" }
        self = Language(rawValue: String(code)) ?? .dutch
    }
}
