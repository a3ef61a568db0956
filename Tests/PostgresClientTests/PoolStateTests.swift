import Testing

@testable import PostgresClient

/// The pool's decisions, with the time handed in.
struct PoolStateTests {
    private typealias Action = PoolState.Action

    private static let start = ContinuousClock.now
    private static func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private static func limits(_ change: (inout PoolState.Limits) -> Void = { _ in }) -> PoolState.Limits {
        var limits = PoolState.Limits()
        limits.maxConnections = 2
        limits.pipelineDepth = 2
        limits.reconnecting = Backoff(initial: .seconds(1), longest: .seconds(8))
        change(&limits)
        return limits
    }

    /// A pool with its first connection open.
    private static func opened(_ change: (inout PoolState.Limits) -> Void = { _ in }) -> PoolState {
        var pool = PoolState(limits: limits(change))
        #expect(pool.submit(1, .shared, deadline: at(30), now: at(0)) == [.open(1)])
        #expect(pool.opened(1, now: at(0)) == [.start(1, 1)])
        #expect(pool.ended(1, [.done(1)], now: at(0)) == [])
        return pool
    }

    @Test func oneConnectionIsTriedFirstThenTheOthersOpen() {
        var pool = PoolState(limits: Self.limits { $0.pipelineDepth = 1 })
        #expect(pool.submit(1, .shared, deadline: Self.at(30), now: Self.at(0)) == [.open(1)])
        #expect(pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(0)) == [])
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(0)) == [])
        #expect(pool.opened(1, now: Self.at(0)) == [.start(1, 1), .open(2)])
        #expect(pool.opened(2, now: Self.at(0)) == [.start(2, 2)])
        #expect(pool.ended(2, [.done(2)], now: Self.at(0)) == [.start(3, 2)])
    }

    @Test func nobodyWaitsBehindAnotherWhileThereCanBeOneMoreConnection() {
        var pool = Self.opened()
        #expect(pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1)) == [.start(2, 1)])
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1)) == [.open(2)])
        #expect(pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(1)) == [.start(3, 1)])
        #expect(pool.opened(2, now: Self.at(1)) == [.start(4, 2)])
    }

    @Test func nobodyIsPutBehindWhatTakesLong() {
        var pool = Self.opened { $0.maxConnections = 1 }
        #expect(pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1)) == [.start(2, 1)])
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1.02)) == [])
        #expect(pool.ended(1, [.done(2)], now: Self.at(2)) == [.start(3, 1)])
        #expect(pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(2.01)) == [.start(4, 1)])
        // The time counts from when the connection got to it.
        #expect(pool.ended(1, [.done(3)], now: Self.at(2.015)) == [])
        #expect(pool.submit(5, .shared, deadline: Self.at(30), now: Self.at(2.03)) == [.start(5, 1)])
    }

    @Test func aBusyConnectionIsSharedUpToItsDepth() {
        var pool = Self.opened { $0.maxConnections = 1 }
        #expect(pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1)) == [.start(2, 1)])
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1)) == [.start(3, 1)])
        #expect(pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(1)) == [])
        #expect(pool.ended(1, [.done(2)], now: Self.at(1)) == [.start(4, 1)])
    }

    @Test func whoWantsAConnectionAloneWaitsForAnEmptyOneAndIsNotOvertaken() {
        var pool = Self.opened { $0.maxConnections = 1 }
        #expect(pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1)) == [.start(2, 1)])
        #expect(pool.submit(3, .lease, deadline: Self.at(30), now: Self.at(1)) == [])
        #expect(pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(1)) == [])
        #expect(pool.ended(1, [.done(2)], now: Self.at(1)) == [.start(3, 1)])
        #expect(pool.submit(5, .alone, deadline: Self.at(30), now: Self.at(1)) == [])
        #expect(pool.giveBack(3, isSound: true, now: Self.at(1)) == [.start(4, 1)])
        #expect(pool.ended(1, [.done(4)], now: Self.at(1)) == [.start(5, 1)])
        #expect(pool.submit(6, .shared, deadline: Self.at(30), now: Self.at(1)) == [])
        #expect(pool.ended(1, [.done(5)], now: Self.at(1)) == [.start(6, 1)])
    }

    @Test func waitingEndsAtItsDeadline() {
        var pool = PoolState(limits: Self.limits())
        #expect(pool.submit(1, .shared, deadline: Self.at(5), now: Self.at(0)) == [.open(1)])
        #expect(pool.wakeAt == Self.at(5))
        #expect(pool.tick(now: Self.at(4)) == [])
        #expect(pool.tick(now: Self.at(5)) == [.end(1, PostgresError(.timedOut))])
        #expect(pool.opened(1, now: Self.at(6)) == [])
    }

    @Test func aServerThatIsAwayFailsFastAndIsTriedByOneAlone() {
        var pool = PoolState(limits: Self.limits())
        #expect(pool.submit(1, .shared, deadline: Self.at(30), now: Self.at(0)) == [.open(1)])
        #expect(pool.submit(2, .lease, deadline: Self.at(30), now: Self.at(0)) == [])
        #expect(
            pool.failedToOpen(1, PostgresError(.unavailable), jitter: 1, now: Self.at(0))
                == [1, 2].map { .end($0, PostgresError(.unavailable)) })
        #expect(pool.isReachable == false)
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(0.5)) == [.end(3, PostgresError(.unavailable))])
        // The waits double, and are tried without anybody asking.
        var time = 0.0
        for (number, wait) in [1.0, 2, 4, 8, 8].enumerated() {
            #expect(pool.wakeAt == Self.at(time + wait))
            #expect(pool.tick(now: Self.at(time + wait - 0.1)) == [])
            time += wait
            #expect(pool.tick(now: Self.at(time)) == [.open(number + 2)])
            #expect(pool.submit(9, .shared, deadline: Self.at(99), now: Self.at(time)) == [.end(9, PostgresError(.unavailable))])
            #expect(pool.tick(now: Self.at(time)) == [])
            #expect(pool.failedToOpen(number + 2, PostgresError(.unavailable), jitter: 1, now: Self.at(time)) == [])
        }
        #expect(pool.tick(now: Self.at(time + 8)) == [.open(7)])
        #expect(pool.opened(7, now: Self.at(time + 8)) == [])
        #expect(pool.isReachable == true)
        #expect(pool.submit(10, .shared, deadline: Self.at(99), now: Self.at(time + 8)) == [.start(10, 7)])
    }

    @Test func aServerThatGivesNoFurtherConnectionIsNotAway() {
        var pool = Self.opened { $0.pipelineDepth = 1 }
        #expect(pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1)) == [.start(2, 1)])
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1)) == [.open(2)])
        #expect(pool.failedToOpen(2, PostgresError(.unavailable), jitter: 0, now: Self.at(1)) == [])
        #expect(pool.isReachable == true)
        #expect(pool.tick(now: Self.at(1.2)) == [])
        #expect(pool.tick(now: Self.at(1.5)) == [.open(3)])
        #expect(pool.ended(1, [.done(2)], now: Self.at(1.6)) == [.start(3, 1)])
    }

    @Test func whatALostConnectionHadNotBegunGoesToTheFront() {
        var pool = Self.opened { $0.maxConnections = 1 }
        _ = pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1))
        _ = pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1))
        _ = pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(1))
        #expect(pool.left(1, [.done(2)], now: Self.at(1)) == [.open(2)])
        #expect(pool.opened(2, now: Self.at(1)) == [.start(3, 2), .start(4, 2)])
    }

    @Test func aCancelledJobTakesItsConnectionAlongAndSparesItsNeighbours() {
        var pool = Self.opened { $0.maxConnections = 1 }
        _ = pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1))
        _ = pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1))
        _ = pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(1))
        #expect(pool.cancel(4, now: Self.at(1)) == [.end(4, PostgresError(.cancelled))])
        #expect(pool.cancel(2, now: Self.at(1)) == [.cancel(2, 1)])
        #expect(pool.cause(of: 2) == .cancelled)
        #expect(pool.submit(5, .shared, deadline: Self.at(30), now: Self.at(1)) == [])
        // Its neighbour was struck by the request in its place.
        #expect(pool.ended(1, [.done(2), .again(3)], now: Self.at(1)) == [.close(1)])
        #expect(pool.left(1, [], now: Self.at(1)) == [.open(2)])
        #expect(pool.opened(2, now: Self.at(1)) == [.start(3, 2), .start(5, 2)])
    }

    @Test func aDeadlineCancelsAgainAndAgainThenGivesTheConnectionUp() {
        var pool = Self.opened()
        _ = pool.submit(2, .lease, deadline: Self.at(5), now: Self.at(1))
        #expect(pool.tick(now: Self.at(5)) == [.cancel(2, 1)])
        #expect(pool.cause(of: 2) == .timedOut)
        #expect(pool.wakeAt == Self.at(5.25))
        #expect(pool.tick(now: Self.at(5.25)) == [.cancel(2, 1)])
        #expect(pool.tick(now: Self.at(7)) == [.abandon(1)])
        #expect(pool.tick(now: Self.at(8)) == [])
        #expect(pool.left(1, [], now: Self.at(8)) == [])
        #expect(pool.giveBack(2, isSound: false, now: Self.at(8)) == [])
        #expect(pool.runningCount == 0)
    }

    @Test func whoIsBehindOthersAtItsDeadlineIsLetGoAlone() {
        var pool = Self.opened { $0.maxConnections = 1 }
        _ = pool.submit(2, .shared, deadline: Self.at(60), now: Self.at(1))
        _ = pool.submit(3, .shared, deadline: Self.at(5), now: Self.at(1))
        #expect(pool.tick(now: Self.at(5)) == [.cancel(3, 1)])
        #expect(pool.tick(now: Self.at(7)) == [.end(3, PostgresError(.timedOut, .commitInDoubt))])
        #expect(pool.ended(1, [.done(2)], now: Self.at(8)) == [])
        #expect(pool.ended(1, [.done(3)], now: Self.at(8)) == [.close(1)])
    }

    @Test func idleConnectionsAreClosedButForThoseKept() {
        var pool = Self.opened { $0.idleTimeout = .seconds(10) }
        _ = pool.submit(2, .shared, deadline: Self.at(30), now: Self.at(1))
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1)) == [.open(2)])
        #expect(pool.opened(2, now: Self.at(1)) == [.start(3, 2)])
        _ = pool.ended(2, [.done(3)], now: Self.at(1))
        _ = pool.ended(1, [.done(2)], now: Self.at(2))
        // The one that was busy last is used again, so that the other can go.
        #expect(pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(3)) == [.start(4, 1)])
        _ = pool.ended(1, [.done(4)], now: Self.at(3))
        #expect(pool.tick(now: Self.at(10.9)) == [])
        #expect(pool.wakeAt == Self.at(11))
        #expect(pool.tick(now: Self.at(11)) == [.close(2)])
        #expect(pool.left(2, [], now: Self.at(11)) == [])
        #expect(pool.tick(now: Self.at(99)) == [])
        #expect(pool.connectionCount == 1)
    }

    @Test func whatHasBecomeReadOnlyIsLeftByAll() {
        var pool = Self.opened()
        _ = pool.submit(2, .lease, deadline: Self.at(30), now: Self.at(1))
        #expect(pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1)) == [.open(2)])
        #expect(pool.opened(2, now: Self.at(1)) == [.start(3, 2)])
        let end = JobEnd(job: 3, end: .done(PostgresError(.refused, state: .readOnly)), verdict: .demoted)
        #expect(pool.ended(2, [end], now: Self.at(2)) == [.close(2)])
        #expect(pool.giveBack(2, isSound: true, now: Self.at(2)) == [.close(1)])
    }

    @Test func closingLetsEverythingEndAndThenClosesEveryConnection() {
        var pool = Self.opened { $0.maxConnections = 1 }
        _ = pool.submit(2, .lease, deadline: Self.at(30), now: Self.at(1))
        _ = pool.submit(3, .shared, deadline: Self.at(30), now: Self.at(1))
        #expect(pool.close(now: Self.at(1)) == [])
        #expect(pool.submit(4, .shared, deadline: Self.at(30), now: Self.at(1)) == [.end(4, PostgresError(.closed))])
        #expect(pool.giveBack(2, isSound: true, now: Self.at(2)) == [.start(3, 1)])
        #expect(pool.ended(1, [.done(3)], now: Self.at(2)) == [.close(1)])
        #expect(pool.left(1, [], now: Self.at(2)) == [.finished])
        #expect(pool.close(now: Self.at(3)) == [])
    }

    @Test func closingDoesNotWaitForAConnectionThatIsBeingMade() {
        var pool = PoolState(limits: Self.limits())
        _ = pool.submit(1, .shared, deadline: Self.at(30), now: Self.at(0))
        #expect(pool.cancel(1, now: Self.at(0)) == [.end(1, PostgresError(.cancelled))])
        #expect(pool.close(now: Self.at(0)) == [.abandon(1), .finished])
        #expect(pool.opened(1, now: Self.at(0)) == [])
    }

    @Test func waitsBetweenAttemptsDoubleAndAreShortenedAtRandom() {
        let backoff = Backoff(initial: .milliseconds(100), longest: .seconds(1))
        #expect((1...6).map { backoff.delay(after: $0, jitter: 1) } == [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        #expect(backoff.delay(after: 3, jitter: 0) == .milliseconds(200))
        #expect(backoff.delay(after: 1000, jitter: 0.5) == .milliseconds(750))
    }
}

extension JobEnd {
    static func done(_ job: JobID, _ error: PostgresError? = nil) -> JobEnd { JobEnd(job: job, end: .done(error), verdict: .sound) }
    static func again(_ job: JobID) -> JobEnd { JobEnd(job: job, end: .again, verdict: .spent) }
}
