import AdapterKit
import GatewayCore
import GatewayTestKit
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

    @Test func whereNothingButWaitingHappensFewTriesSuffice() {
        var hanging = CircuitBreaker(CircuitPolicy())
        hanging.record(failed: true, took: .seconds(300), at: start)
        #expect(hanging.state == .closed, "one alone may be the message's own")
        hanging.record(failed: true, took: .seconds(300), at: start)
        #expect(hanging.state == .open)

        var busy = CircuitBreaker(CircuitPolicy())
        for _ in 0..<30 { busy.record(failed: false, at: start) }
        for _ in 0..<2 { busy.record(failed: true, took: .seconds(300), at: start) }
        #expect(busy.state == .closed, "others go through meanwhile")
        busy.record(failed: true, took: .seconds(300), at: start + .seconds(31))
        #expect(busy.state == .closed, "what left the window counts no more")
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
            #expect(!breaker.allows(at: now))
            now = now + .seconds(wait)
            #expect(breaker.allows(at: now))
            #expect(breaker.begin() == true)
            #expect(breaker.state == .halfOpen)
            #expect(!breaker.allows(at: now))
            breaker.record(failed: true, at: now)
            #expect(breaker.state == .open)
        }
        now = now + .seconds(60)
        #expect(breaker.begin() == true)
        breaker.record(failed: false, at: now)
        #expect(breaker.state == .closed && breaker.probeAt == nil && breaker.isQuiet(at: now))
        #expect(breaker.allows(at: now))
        #expect(breaker.begin() == false)
    }

    @Test func whatNobodyWaitsForAnyMoreIsForgotten() {
        var breaker = opened()
        #expect(!breaker.isQuiet(at: start + .seconds(30)))
        #expect(breaker.isQuiet(at: start + .seconds(31)))
        #expect(breaker.begin() == true)
        #expect(!breaker.isQuiet(at: start + .seconds(100)))
    }

    /// Against the plain meaning: count what lies in the window.
    @Test(arguments: 0..<20) func countsTheWindow(seed: UInt64) {
        var dice = Dice(seed: seed)
        let policy = CircuitPolicy(window: .seconds(10), minimumTries: 5)
        var breaker = CircuitBreaker(policy)
        var tries: [(at: Timestamp, failed: Bool)] = []
        var now = start
        while breaker.state == .closed, tries.count < 500 {
            now = now + .milliseconds(dice.number(0...4000))
            let failed = dice.chance(0.4)
            tries.append((now, failed))
            breaker.record(failed: failed, at: now)
            let counted = tries.filter { $0.at > now - policy.window }
            let opens = failed && counted.count >= 5 && counted.count { $0.failed } * 2 >= counted.count
            #expect((breaker.state == .open) == opens)
        }
    }

    @Test func resultsOfEarlierTriesDoNotMoveAnOpenCircuit() {
        var breaker = opened()
        breaker.record(failed: false, at: start)
        #expect(breaker.state == .open)
    }

    @Test func anAbandonedProbeMayBeMadeAtOnce() {
        var breaker = opened()
        let now = start + .seconds(1)
        #expect(breaker.begin() == true)
        breaker.abandonProbe(at: now)
        #expect(breaker.state == .open)
        #expect(breaker.allows(at: now))
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

    @Test func lookingTakesNothing() {
        let start = Timestamp(seconds: 1000)
        var limit = RateLimit(perSecond: 1, at: start)
        for _ in 0..<3 { #expect(limit.opensAt(start) == nil) }
        #expect(limit.take(at: start) == nil)
        for _ in 0..<3 { #expect(limit.opensAt(start) == start + .seconds(1)) }
        #expect(limit.opensAt(start + .seconds(1)) == nil)
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
