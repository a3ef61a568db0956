import AdapterKit
import GatewayModel
import PostgresClient
import StoreBackends
import Testing

@testable import PostgresStore

@Suite struct ClockEstimateTests {
    /// A sample of a clock that is ahead of the monotonic one by `offset`, answered after `there` of a round trip of `there + back`.
    private func sample(at sentAt: Int64, there: Int64 = 50, back: Int64 = 50, offset: Int64 = 1_000_000, clock: Int64 = 1)
        -> ClockEstimate.Sample
    {
        ClockEstimate.Sample(sentAt: sentAt, receivedAt: sentAt + there + back, time: sentAt + there + offset, clock: clock)
    }

    @Test func itTellsTheOthersTime() {
        let estimate = ClockEstimate(sample(at: 1000))
        #expect(estimate.time(at: 1100) == 1_001_100)
        #expect(estimate.time(at: 5_001_100) == 6_001_100)
        #expect(estimate.error(at: 1100) == 50)
        #expect(estimate.error(at: 5_001_100) == 1050, "by and by it is less sure")
    }

    @Test func aSlowRoundTripDoesNotMoveIt() {
        var estimate = ClockEstimate(sample(at: 0))
        estimate.take(sample(at: 1000, there: 10, back: 400_000))
        #expect(estimate.time(at: 500_000) == 1_500_000)
    }

    @Test func ofSeveralTheShortestRoundTripCounts() {
        let samples = [sample(at: 0, there: 900, back: 10), sample(at: 2000, there: 20, back: 30), sample(at: 4000, there: 10, back: 800)]
        #expect(samples.surest?.sentAt == 2000)
    }

    @Test func aSurerSampleCorrectsIt() {
        var estimate = ClockEstimate(sample(at: 0, there: 0, back: 2000))
        #expect(estimate.time(at: 2000) == 1_001_000, "it was the way back that took the time")
        estimate.take(sample(at: 10_000, there: 10, back: 10))
        #expect(estimate.time(at: 20_000) == 1_020_000)
    }

    @Test func itNeverGoesBackAndIsRightInTheEnd() {
        var estimate = ClockEstimate(sample(at: 0))
        var last = estimate.time(at: 200)
        // The other clock is set back by a tenth of a second.
        estimate.take(sample(at: 200, offset: 900_000))
        for moment in stride(from: 300, through: 400_000, by: 1000) as StrideThrough<Int64> {
            let time = estimate.time(at: moment)
            #expect(time >= last)
            last = time
        }
        #expect(estimate.time(at: 400_000) == 1_300_000)
        #expect(estimate.time(at: 100_000) > 1_000_000, "at half its speed until then")
    }

    @Test func itFollowsAClockThatIsSetForward() {
        var estimate = ClockEstimate(sample(at: 0))
        estimate.take(sample(at: 1000, there: 500, back: 500, offset: 9_000_000))
        #expect(estimate.time(at: 10_000) == 9_010_000, "what contradicts all that was known is believed")
    }

    @Test func anotherServersClockIsBelieved() {
        var estimate = ClockEstimate(sample(at: 0))
        estimate.take(sample(at: 1000, there: 900, back: 900, offset: 1_000_700, clock: 2))
        #expect(estimate.time(at: 10_000) == 1_010_700)
    }
}

@Suite(.timeLimit(.minutes(5))) struct PostgresClockTests {
    @Test(arguments: [false, true]) func itTellsTheTimeOfTheDatabase(isPooled: Bool) async throws {
        try await PostgresDatabase.with { database in
            let store = try await database.store(isPooled: isPooled, clock: nil)
            let clock = try #require(store.clock as? PostgresClock)
            for _ in 0..<3 {
                let before = clock.now
                let time = try #require(
                    try await database.values("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", as: Int64.self).first)
                let after = clock.now
                let error = try #require(clock.uncertainty).microseconds
                #expect(before.microseconds - error <= time)
                #expect(time <= after.microseconds + error)
            }
            let deadline = clock.now + .milliseconds(20)
            try await clock.sleep(until: deadline)
            #expect(clock.now >= deadline)
            await store.close()
        }
    }

    @Test func leasesAndDueTimesAreThoseOfTheDatabase() async throws {
        try await PostgresDatabase.with { database in
            let store = try await database.store(clock: nil)
            let now = store.clock.now
            _ = try await store.accept([Given.message([Given.delivery(dueAt: now)], createdAt: now)])
            #expect(try await store.claim(Given.claim(1, at: store.clock.now)).deliveries.count == 1)
            #expect(try await store.expiredLeases(at: store.clock.now, limit: 9) == [])
            await store.close()
        }
    }
}
