public import AdapterKit
import Foundation

/// Writes days and times the way people of a language do, in the time zone of whoever reads them.
public enum DateFormat {
    public static let defaultZone = "Europe/Amsterdam"

    /// The day, such as `1 maart 2026`.
    ///
    /// - Parameter zone: a name of the IANA time zone database; one that is not known stands for `Europe/Amsterdam`.
    public static func day(_ time: Timestamp, language: Language, zone: String = defaultZone) -> String {
        let local = local(time, zone)
        let month = months(language)[local.month - 1]
        switch language {
        case .dutch, .english: return "\(local.day) \(month) \(local.year)"
        case .german: return "\(local.day). \(month) \(local.year)"
        case .french: return "\(local.day == 1 ? "1er" : String(local.day)) \(month) \(local.year)"
        }
    }

    /// The time of day in 24 hours, such as `09:30`.
    public static func time(_ time: Timestamp, zone: String = defaultZone) -> String {
        let local = local(time, zone)
        return "\(local.hour < 10 ? "0" : "")\(local.hour):\(local.minute < 10 ? "0" : "")\(local.minute)"
    }

    private static func local(_ time: Timestamp, _ zone: String) -> (year: Int, month: Int, day: Int, hour: Int, minute: Int) {
        let timeZone = TimeZone(identifier: zone.trimmed) ?? TimeZone(identifier: defaultZone)
        let offset = timeZone?.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time.secondsSinceEpoch))) ?? 0
        let calendar = (time + .seconds(offset)).calendar
        return (calendar.year, calendar.month, calendar.day, calendar.hour, calendar.minute)
    }

    private static func months(_ language: Language) -> [String] {
        switch language {
        case .dutch:
            ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"]
        case .english:
            ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
        case .german:
            ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"]
        case .french:
            ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"]
        }
    }
}
