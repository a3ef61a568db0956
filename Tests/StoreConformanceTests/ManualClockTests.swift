import AdapterKit
import GatewayTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct ManualClockTests {
    @Test func sleepersGoOnWhenTheirTimeHasCome() async throws {
        let clock = ManualClock()
        let start = clock.now
        let sleeper = Task { try await clock.sleep(until: start + .seconds(10)) }
        let other = Task { try await clock.sleep(until: start + .seconds(20)) }
        await clock.waitForSleepers(count: 2)
        clock.advance(by: .seconds(10))
        try await sleeper.value
        #expect(clock.sleeperCount == 1)
        clock.advance(by: .seconds(10))
        try await other.value
        #expect(clock.sleeperCount == 0)
    }

    @Test func aTimeThatHasComeIsNotWaitedFor() async throws {
        let clock = ManualClock()
        try await clock.sleep(until: clock.now)
        #expect(clock.sleeperCount == 0)
    }

    @Test func aCancelledSleeperThrows() async throws {
        let clock = ManualClock()
        let sleeper = Task { try await clock.sleep(until: .distantFuture) }
        await clock.waitForSleepers()
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        #expect(clock.sleeperCount == 0)
    }

    @Test func timeNeverGoesBack() {
        let clock = ManualClock()
        let start = clock.now
        clock.advance(to: start - .seconds(1))
        #expect(clock.now == start)
    }
}
