/// Writes amounts of money the way people of a language do.
///
/// Blanks are plain ones, so that a text compares and searches the same wherever it comes by.
public enum MoneyFormat {
    public static let defaultCurrency = "EUR"

    /// The amount in full, such as `€ 1.250,00` in Dutch or `€1,250.00` in English.
    ///
    /// - Parameters:
    ///   - cents: hundredths of the currency's unit.
    ///   - currency: an ISO 4217 code in either case.
    public static func text(cents: Int64, currency: String = defaultCurrency, language: Language) -> String {
        let code = currency.trimmed.uppercased()
        let symbol = symbol(code)
        let number = number(cents, language: language, grouped: true)
        let sign = cents < 0 ? "-" : ""
        switch language {
        case .dutch: return "\(symbol) \(sign)\(number)"
        case .english: return symbol == code ? "\(sign)\(symbol) \(number)" : "\(sign)\(symbol)\(number)"
        case .german, .french: return "\(sign)\(number) \(symbol)"
        }
    }

    /// The amount in short, without grouping, such as `€1250,00`.
    public static func plain(cents: Int64, currency: String = defaultCurrency, language: Language) -> String {
        let code = currency.trimmed.uppercased()
        let symbol = symbol(code)
        return (symbol == code ? symbol + " " : symbol) + (cents < 0 ? "-" : "") + number(cents, language: language, grouped: false)
    }

    private static func symbol(_ code: String) -> String {
        switch code {
        case "EUR": "€"
        case "USD": "$"
        case "GBP": "£"
        default: code
        }
    }

    private static func number(_ cents: Int64, language: Language, grouped: Bool) -> String {
        let (group, point): (String, String) =
            switch language {
            case .dutch, .german: (".", ",")
            case .english: (",", ".")
            case .french: (" ", ",")
            }
        let magnitude = cents.magnitude
        let digits = Array(String(magnitude / 100))
        var whole = ""
        for (index, digit) in digits.enumerated() {
            if grouped, index > 0, (digits.count - index) % 3 == 0 { whole += group }
            whole.append(digit)
        }
        let fraction = magnitude % 100
        return whole + point + (fraction < 10 ? "0" : "") + String(fraction)
    }
}
