import AdapterKit
import GatewayModel
import Testing

@testable import GatewayAPI

@Suite struct RateLimiterTests {
    private let start = Timestamp(seconds: 1_000_000)

    @Test func letsTheLimitThroughAndThenOneAfterEachShare() {
        var limiter = RateLimiter(perMinute: 30)
        for _ in 0..<30 { #expect(limiter.admit([1], at: start) == nil) }
        #expect(limiter.admit([1], at: start) == .seconds(2))
        #expect(limiter.admit([2], at: start) == nil)
        #expect(limiter.admit([1], at: start + .seconds(2)) == nil)
        #expect(limiter.admit([1], at: start + .seconds(2)) != nil)
        for _ in 0..<30 { #expect(limiter.admit([1], at: start + .seconds(120)) == nil) }
    }

    @Test func aClockThatGoesBackGivesNothingAway() {
        var limiter = RateLimiter(perMinute: 1)
        #expect(limiter.admit([1], at: start) == nil)
        #expect(limiter.admit([1], at: start - .seconds(600)) != nil)
        #expect(limiter.admit([1], at: start + .seconds(1)) != nil)
    }

    @Test func keysAreForgottenRatherThanCollected() {
        var limiter = RateLimiter(perMinute: 2, mostKeys: 4)
        for key in UInt8(0)..<200 { _ = limiter.admit([key], at: start) }
        for _ in 0..<2 { _ = limiter.admit([250], at: start) }
        #expect(limiter.admit([250], at: start) != nil)
    }

    @Test func cursorsRoundTripAndForeignOnesAreRefused() {
        let cursor = PageCursor(time: start, id: .version7())
        #expect(PageCursor(cursor.text) == cursor)
        #expect(PageCursor("") == nil)
        #expect(PageCursor(cursor.text + "0") == nil)
        #expect(PageCursor("zz") == nil)
    }
}
