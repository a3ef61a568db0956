/// A moment in UTC, in whole microseconds since 1970-01-01T00:00:00Z.
///
/// An integer, so that stores keep it exactly and comparison is one instruction.
public struct Timestamp: Hashable, Comparable, Sendable {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }
    public init(seconds: Int64) { self.microseconds = seconds * 1_000_000 }

    /// Later than anything that happens: what waits for an event rather than for a time is due then.
    public static let distantFuture = Timestamp(microseconds: .max)

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }

    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = time.microseconds.addingReportingOverflow(duration.microseconds)
        return overflow ? .distantFuture : Timestamp(microseconds: sum)
    }

    public static func - (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(microseconds: time.microseconds - duration.microseconds)
    }

    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .microseconds(later.microseconds - earlier.microseconds)
    }

    /// Whole seconds since the epoch, rounded down.
    public var secondsSinceEpoch: Int64 { (microseconds - floorModulo(microseconds, 1_000_000)) / 1_000_000 }
}

extension Duration {
    /// The length in whole microseconds, rounded towards zero and held within 64 bits.
    public var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, isJustTooLong) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        if isTooLong || isJustTooLong { return seconds < 0 ? .min : .max }
        return sum
    }

    /// The length in seconds, for display and for arithmetic that tolerates rounding.
    public var inSeconds: Double { Double(microseconds) / 1_000_000 }
}

// MARK: - RFC 3339

extension Timestamp: CustomStringConvertible, LosslessStringConvertible {
    /// The moment as RFC 3339 in UTC with milliseconds, such as `2026-03-01T09:30:00.000Z`.
    public var description: String {
        let (year, month, day) = civil(fromDays: (secondsSinceEpoch - floorModulo(secondsSinceEpoch, 86_400)) / 86_400)
        let second = floorModulo(secondsSinceEpoch, 86_400)
        let millisecond = floorModulo(microseconds, 1_000_000) / 1_000
        var text = ""
        text.reserveCapacity(24)
        append(year, width: 4, to: &text)
        text += "-"
        append(Int64(month), width: 2, to: &text)
        text += "-"
        append(Int64(day), width: 2, to: &text)
        text += "T"
        append(second / 3600, width: 2, to: &text)
        text += ":"
        append(second / 60 % 60, width: 2, to: &text)
        text += ":"
        append(second % 60, width: 2, to: &text)
        text += "."
        append(millisecond, width: 3, to: &text)
        return text + "Z"
    }

    /// Reads an RFC 3339 date-time with any offset and up to nine fractional digits; `nil` for anything else.
    public init?(_ text: String) {
        var scanner = DigitScanner(Array(text.utf8))
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), scanner.skip("T", "t", " "), let hour = scanner.number(2), scanner.skip(":"),
            let minute = scanner.number(2), scanner.skip(":"), let second = scanner.number(2),
            (1...12).contains(month), (1...daysIn(month: month, year: year)).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var fraction: Int64 = 0
        if scanner.skip(".") {
            guard let digits = scanner.fraction() else { return nil }
            fraction = digits
        }
        var offset: Int64 = 0
        if !scanner.skip("Z", "z") {
            let sign: Int64
            if scanner.skip("+") { sign = 1 } else if scanner.skip("-") { sign = -1 } else { return nil }
            guard let hours = scanner.number(2), scanner.skip(":"), let minutes = scanner.number(2), hours < 24, minutes < 60 else {
                return nil
            }
            offset = sign * Int64(hours * 3600 + minutes * 60)
        }
        guard scanner.isAtEnd else { return nil }
        let days = daysFromCivil(year: Int64(year), month: month, day: day)
        let seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second) - offset
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }

    /// The calendar date and time of day in UTC.
    public var calendar: (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, weekday: Int) {
        let days = (secondsSinceEpoch - floorModulo(secondsSinceEpoch, 86_400)) / 86_400
        let (year, month, day) = civil(fromDays: days)
        let second = floorModulo(secondsSinceEpoch, 86_400)
        return (Int(year), month, day, Int(second / 3600), Int(second / 60 % 60), Int(second % 60), Int(floorModulo(days + 4, 7)))
    }

    /// The moment of a calendar date and time of day in UTC.
    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        let days = daysFromCivil(year: Int64(year), month: month, day: day)
        self.init(seconds: days * 86_400 + Int64(hour * 3600 + minute * 60 + second))
    }
}

extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = Timestamp(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an RFC 3339 date-time")
        }
        self = time
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

private struct DigitScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func skip(_ characters: Character...) -> Bool {
        guard position < bytes.count, characters.contains(where: { $0.asciiValue == bytes[position] }) else { return false }
        position += 1
        return true
    }

    mutating func number(_ width: Int) -> Int? {
        guard position + width <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[position..<position + width] {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        position += width
        return value
    }

    /// One to nine fractional digits, as microseconds.
    mutating func fraction() -> Int64? {
        var value: Int64 = 0
        var digits = 0
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            if digits < 6 { value = value * 10 + Int64(bytes[position] - 0x30) }
            digits += 1
            position += 1
        }
        guard (1...9).contains(digits) else { return nil }
        for _ in min(digits, 6)..<6 { value *= 10 }
        return value
    }
}

private func floorModulo(_ a: Int64, _ b: Int64) -> Int64 {
    let remainder = a % b
    return remainder < 0 ? remainder + b : remainder
}

private func append(_ value: Int64, width: Int, to text: inout String) {
    let digits = String(value)
    for _ in 0..<max(0, width - digits.count) { text += "0" }
    text += digits
}

private func daysIn(month: Int, year: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar, counted in eras of 400 years from 1 March.
private func daysFromCivil(year: Int64, month: Int, day: Int) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

private func civil(fromDays days: Int64) -> (year: Int64, month: Int, day: Int) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = Int(shifted < 10 ? shifted + 3 : shifted - 9)
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, Int(dayOfYear - (153 * shifted + 2) / 5 + 1))
}
