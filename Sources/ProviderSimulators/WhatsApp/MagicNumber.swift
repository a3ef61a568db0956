import AdapterKit

/// Destinations that make the WhatsApp simulator misbehave without a script. No country has the code 999, so no person is behind them.
///
/// | Number | What happens |
/// | --- | --- |
/// | `+9991` and six digits | refused with that Graph error: `+9991131026` is 131026 |
/// | `+9992`, a status and three digits | that status with a `Retry-After` in seconds: `+9992503002` |
/// | `+9993000001` … `6` | never answered; received and the answer lost; received and answered by half; garbage; RST; FIN |
/// | `+9994` and six digits | refused with that Graph error under status 200 |
/// | `+9995` and six digits | accepted, and reported as failed with that error |
/// | `+9996000000` | received, and answered after `WhatsAppSimulator.Options.slowDelay` |
enum MagicNumber {
    static func action(for digits: String, slowDelay: Duration) -> WhatsAppRule.Action? {
        guard digits.count == 10, digits.hasPrefix("999"), let code = Int(digits.dropFirst(4)) else { return nil }
        switch digits.dropFirst(3).first {
        case "1": return .error(GraphError(code))
        case "2":
            guard (200...599).contains(code / 1000) else { return nil }
            return .answer(HTTPAnswer(code / 1000, headers: [HTTPHeader("Retry-After", String(code % 1000))]))
        case "3": return wire(code)
        case "4": return .errorInSuccess(GraphError(code))
        case "5": return .failLater(GraphError(code))
        case "6": return .delay(slowDelay)
        default: return nil
        }
    }

    private static func wire(_ code: Int) -> WhatsAppRule.Action? {
        switch code {
        case 1: .fault(.hang)
        case 2: .lostAnswer
        case 3: .partialAnswer
        case 4: .fault(.garbage)
        case 5: .fault(.reset)
        case 6: .fault(.close)
        default: nil
        }
    }
}
