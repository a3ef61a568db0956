import AdapterKit
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01.5Z", 1_500_000), ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("2026-03-01T09:30:00+01:00", 1_772_353_800_000_000), ("2026-03-01T03:00:00-05:30", 1_772_353_800_000_000),
            ("2026-03-01t08:30:00z", 1_772_353_800_000_000), ("2026-03-01 08:30:00Z", 1_772_353_800_000_000),
            ("1969-12-31T23:59:59.999999Z", -1), ("1970-01-01T00:00:00.000001999Z", 1), ("1970-01-01T00:00:00-00:00", 0),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
            ("1990-12-31T23:59:60Z", 662_688_000_000_000),
        ] as [(String, Int64)])
    func read(text: String, microseconds: Int64) { #expect(Timestamp(text)?.microseconds == microseconds) }

    @Test(arguments: [
        "", "2026-03-01", "2026-03-01T09:30Z", "2026-03-01T09:30:00", "2026-3-01T09:30:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00ZZ", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z ",
        "+2026-01-01T00:00:00Z", "２026-01-01T00:00:00Z", "2026-01-01T00:00:00,5Z", "2026/01/01T00:00:00Z",
    ])
    func refused(text: String) { #expect(Timestamp(text) == nil) }

    @Test func writingAndReadingAgree() {
        for _ in 0..<2000 {
            let milliseconds = Int64.random(in: -62_135_596_800_000...253_402_300_799_999)
            let time = Timestamp(microseconds: milliseconds * 1000)
            #expect(Timestamp(time.description) == time, "\(time)")
            let (year, month, day, hour, minute, second, weekday) = time.calendar
            let whole = Timestamp(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
            #expect(time - whole < .seconds(1) && time >= whole)
            #expect((0...6).contains(weekday))
        }
    }

    @Test func everyDayOfFourCenturiesFollowsTheOneBefore() {
        var expected = (year: 1999, month: 12, day: 31, weekday: 5)
        let start = Timestamp(year: 1999, month: 12, day: 31)
        for number in 0..<146_098 {
            let day = (start + .seconds(86_400 * number)).calendar
            guard day.year == expected.year, day.month == expected.month, day.day == expected.day, day.weekday == expected.weekday else {
                Issue.record("day \(number) is \(day), not \(expected)")
                return
            }
            let isLeap = (expected.year % 4 == 0 && expected.year % 100 != 0) || expected.year % 400 == 0
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            expected.weekday = (expected.weekday + 1) % 7
            expected.day += 1
            if expected.day > lengths[expected.month - 1] { (expected.month, expected.day) = (expected.month + 1, 1) }
            if expected.month > 12 { (expected.year, expected.month) = (expected.year + 1, 1) }
        }
    }

    @Test func arithmetic() {
        let time = Timestamp(seconds: 100)
        #expect(time + .milliseconds(1500) == Timestamp(microseconds: 101_500_000))
        #expect(time - .seconds(200) == Timestamp(seconds: -100))
        #expect(Timestamp(seconds: 200) - time == .seconds(100))
        #expect(Timestamp.distantFuture + .seconds(1) == .distantFuture)
        #expect(Timestamp(microseconds: -1).secondsSinceEpoch == -1)
        #expect(Timestamp(microseconds: -1_000_000).secondsSinceEpoch == -1)
        #expect(Timestamp(microseconds: 999_999).secondsSinceEpoch == 0)
    }

    @Test func lengthsBeyondSixtyFourBitsAreHeldWithinThem() {
        #expect(Duration.seconds(Int64.max).microseconds == .max)
        #expect(Duration.seconds(Int64.min).microseconds == .min)
        #expect((Duration.seconds(9_223_372_036_854) + .milliseconds(900)).microseconds == .max)
        #expect((Duration.seconds(-9_223_372_036_854) - .milliseconds(900)).microseconds == .min)
        #expect(Duration.nanoseconds(1999).microseconds == 1)
        #expect(Duration.nanoseconds(-1999).microseconds == -1)
    }
}
