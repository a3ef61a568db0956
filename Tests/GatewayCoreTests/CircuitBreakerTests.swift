import AdapterKit
import GatewayCore
import Testing

@Suite struct CircuitBreakerTests {
    private let start = Timestamp(seconds: 1_000_000)

    private func opened() -> CircuitBreaker {
        var breaker = CircuitBreaker(CircuitPolicy())
        for _ in 0..<20 { breaker.record(failed: true, at: start) }
        return breaker
    }

    @Test func opensByShareOverAMinimum() {
        var breaker = CircuitBreaker(CircuitPolicy())
        for _ in 0..<19 { breaker.record(failed: true, at: start) }
        #expect(breaker.state == .closed)
        breaker.record(failed: true, at: start)
        #expect(breaker.state == .open && breaker.probeAt == start + .seconds(1))

        var mixed = CircuitBreaker(CircuitPolicy())
        for _ in 0..<11 { mixed.record(failed: false, at: start) }
        for _ in 0..<10 { mixed.record(failed: true, at: start) }
        #expect(mixed.state == .closed)
        mixed.record(failed: true, at: start)
        #expect(mixed.state == .open)
    }

    @Test func triesOutsideTheWindowAreForgotten() {
        var breaker = CircuitBreaker(CircuitPolicy())
        for second in 0..<100 { breaker.record(failed: true, at: start + .seconds(2 * second)) }
        #expect(breaker.state == .closed)
        #expect(!breaker.isQuiet(at: start + .seconds(200)))
        #expect(breaker.isQuiet(at: start + .seconds(300)))
    }

    @Test func oneProbeAtATimeAndLongerWaits() {
        var breaker = opened()
        var now = start
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            #expect(breaker.probeAt == now + .seconds(wait))
            #expect(breaker.allows(at: now) == false)
            now = now + .seconds(wait)
            #expect(breaker.allows(at: now) == true)
            #expect(breaker.state == .halfOpen)
            #expect(breaker.allows(at: now) == false)
            breaker.record(failed: true, at: now)
            #expect(breaker.state == .open)
        }
        now = now + .seconds(60)
        #expect(breaker.allows(at: now) == true)
        breaker.record(failed: false, at: now)
        #expect(breaker.state == .closed && breaker.probeAt == nil && breaker.isQuiet(at: now))
        #expect(breaker.allows(at: now) == true)
    }

    @Test func resultsOfEarlierTriesDoNotMoveAnOpenCircuit() {
        var breaker = opened()
        breaker.record(failed: false, at: start)
        #expect(breaker.state == .open)
    }

    @Test func anAbandonedProbeMayBeMadeAtOnce() {
        var breaker = opened()
        let now = start + .seconds(1)
        #expect(breaker.allows(at: now) == true)
        breaker.abandonProbe(at: now)
        #expect(breaker.state == .open)
        #expect(breaker.allows(at: now) == true)
        var closed = CircuitBreaker(CircuitPolicy())
        closed.abandonProbe(at: now)
        #expect(closed.state == .closed)
    }
}

@Suite struct RateLimitTests {
    @Test func holdsASecondAtTheMost() {
        let start = Timestamp(seconds: 1000)
        var limit = RateLimit(perSecond: 10, at: start)
        for _ in 0..<10 { #expect(limit.take(at: start) == nil) }
        let next = limit.take(at: start)
        #expect(next == start + .milliseconds(100))
        #expect(limit.take(at: start + .milliseconds(100)) == nil)
        #expect(limit.take(at: start + .milliseconds(100)) != nil)
        for _ in 0..<10 { #expect(limit.take(at: start + .seconds(100)) == nil) }
        #expect(limit.take(at: start + .seconds(100)) != nil)
    }

    @Test func neverMoreThanTheRate() {
        for rate in [0.5, 1, 3, 7, 250] {
            let start = Timestamp(seconds: 1000)
            var limit = RateLimit(perSecond: rate, at: start)
            var now = start
            var taken = 0
            while now < start + .seconds(20) {
                if let next = limit.take(at: now) {
                    #expect(next > now)
                    now = next
                } else {
                    taken += 1
                }
            }
            #expect(Double(taken) <= rate * 20 + max(1, rate) && Double(taken) >= rate * 20)
        }
    }
}
