import AdapterKit
import GatewayCore
import Testing

@Suite struct RetryPolicyTests {
    @Test("52 waits double up to the cap") func waits() {
        let policy = RetryPolicy(jitter: 0)
        #expect((1...4).map { policy.wait(after: $0, chance: 0.7) } == [1, 2, 4, 8].map { .seconds(60 * $0) })
        #expect(policy.wait(after: 6, chance: 0) == .seconds(32 * 60))
        for attempt in [7, 8, 64, 1_000_000, .max] { #expect(policy.wait(after: attempt, chance: 0) == .seconds(3600)) }
        #expect(policy.wait(after: 0, chance: 0) == .seconds(60))
    }

    @Test func jitterStaysWithinItsShare() {
        let policy = RetryPolicy(jitter: 0.1)
        #expect(policy.wait(after: 1, chance: 0) == .seconds(54))
        #expect(policy.wait(after: 1, chance: 0.5) == .seconds(60))
        for _ in 0..<1000 {
            let wait = policy.wait(after: 3, chance: .random(in: 0..<1))
            #expect(wait >= .seconds(216) && wait < .seconds(264))
        }
    }

    @Test func hints() {
        #expect(RetryPolicy.bounded(.seconds(10), left: .seconds(100)) == .seconds(10))
        #expect(RetryPolicy.bounded(.milliseconds(1), left: .seconds(100)) == .seconds(1))
        #expect(RetryPolicy.bounded(.seconds(1000), left: .seconds(100)) == .seconds(100))
        #expect(RetryPolicy.bounded(.seconds(1_000_000), left: .seconds(1_000_000)) == .seconds(86_400))
        #expect(RetryPolicy.bounded(.seconds(10), left: .seconds(-1)) == .seconds(1))
    }
}
