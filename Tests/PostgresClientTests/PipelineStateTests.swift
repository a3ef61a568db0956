import Testing

@testable import PostgresClient

/// What answers and losses mean for the transactions on one connection.
struct PipelineStateTests {
    private static let violation = PostgresError(.refused, state: .uniqueViolation, constraint: "one")
    private static let farewell = PostgresError(.refused, state: .adminShutdown)

    /// A transaction of `count` statements that is committed at its end.
    private static func batch(_ id: OrderID, _ count: Int = 1) -> PipelineState.Entry {
        PipelineState.Entry(order: id, owner: id, commit: .sync, expected: (0..<count).map { .executed($0) } + [.sync])
    }

    /// BEGIN, a statement, COMMIT.
    private static func explicit(_ id: OrderID) -> PipelineState.Entry {
        PipelineState.Entry(order: id, owner: id, commit: .step(2), expected: [.executed(0), .executed(1), .executed(2), .sync])
    }

    /// A part of a transaction.
    private static func part(_ id: OrderID) -> PipelineState.Entry {
        PipelineState.Entry(order: id, owner: id, commit: .never, expected: [.executed(0), .sync])
    }

    private static func lost(_ commit: PostgresError.Commit, _ state: SQLState? = nil) -> PostgresError {
        PostgresError(.connectionLost, commit, state: state)
    }

    @Test func answersComeInOrder() {
        var pipeline = PipelineState()
        pipeline.sent(PipelineState.Entry(order: 1, owner: 1, commit: .sync, expected: [.prepared(7), .executed(0), .executed(1), .sync]))
        pipeline.sent(Self.batch(2))
        #expect(pipeline.succeeded() == .prepared(7))
        #expect(pipeline.succeeded() == .take(0))
        #expect(pipeline.succeeded() == .take(1))
        #expect(pipeline.synced() == .ended(1, .done(nil)))
        #expect(pipeline.succeeded() == .take(0))
        #expect(pipeline.synced() == .ended(2, .done(nil)))
        #expect(pipeline.isEmpty)
    }

    @Test func aFailureSkipsTheRestOfItsOwnTransactionAlone() {
        var pipeline = PipelineState()
        pipeline.sent(PipelineState.Entry(order: 1, owner: 1, commit: .sync, expected: [.executed(0), .prepared(7), .executed(1), .sync]))
        pipeline.sent(Self.batch(2))
        #expect(pipeline.failed(Self.violation) == .nothing)
        #expect(pipeline.skipped() == .unprepared(7))
        #expect(pipeline.skipped() == .nothing)
        #expect(pipeline.synced() == .ended(1, .done(Self.violation)))
        #expect(pipeline.succeeded() == .take(0))
        #expect(pipeline.synced() == .ended(2, .done(nil)))
    }

    @Test func aCommitThatFailsIsAFailure() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1))
        _ = pipeline.succeeded()
        #expect(pipeline.failed(Self.violation) == .nothing)
        #expect(pipeline.synced() == .ended(1, .done(Self.violation)))
    }

    @Test func aCommitAnsweredByRollbackIsAFailure() {
        var pipeline = PipelineState()
        pipeline.sent(Self.explicit(1))
        _ = pipeline.succeeded()
        #expect(!pipeline.isCommitting)
        _ = pipeline.succeeded()
        #expect(pipeline.isCommitting)
        _ = pipeline.succeeded(isRollback: true)
        #expect(pipeline.synced() == .ended(1, .done(PostgresError(.refused, state: .transactionFailed))))
    }

    @Test func answersToNothingBreakTheConnection() {
        var pipeline = PipelineState()
        #expect(pipeline.succeeded() == .broken)
        #expect(pipeline.synced() == .broken)
        pipeline.sent(Self.batch(1))
        #expect(pipeline.skipped() == .broken)
        #expect(pipeline.synced() == .broken)
        _ = pipeline.succeeded()
        #expect(pipeline.succeeded() == .broken)
    }

    // MARK: Loss

    @Test func withoutAWordEveryCommitThatWasSentIsInDoubt() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1, 2))
        pipeline.sent(Self.explicit(2))
        pipeline.sent(Self.part(3))
        _ = pipeline.succeeded()
        let ends = pipeline.lost(farewell: nil)
        #expect(ends.map(\.0) == [1, 2, 3])
        #expect(ends.map(\.1) == [Self.lost(.commitInDoubt), Self.lost(.commitInDoubt), Self.lost(.certainlyNotCommitted)])
        #expect(pipeline.isEmpty)
    }

    @Test func aFarewellBeforeTheLastAnswerMeansThatNothingWasCommitted() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1, 2))
        pipeline.sent(Self.batch(2))
        _ = pipeline.succeeded()
        let certain = Self.lost(.certainlyNotCommitted, .adminShutdown)
        #expect(pipeline.lost(farewell: Self.farewell).map(\.1) == [certain, certain])
    }

    @Test func aFarewellAfterTheLastAnswerLeavesTheCommitInDoubt() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1))
        pipeline.sent(Self.batch(2))
        _ = pipeline.succeeded()
        #expect(
            pipeline.lost(farewell: Self.farewell).map(\.1)
                == [Self.lost(.commitInDoubt, .adminShutdown), Self.lost(.certainlyNotCommitted, .adminShutdown)])
    }

    @Test func aCommitThatWasAnsweredIsCommittedWhateverFollows() {
        for farewell in [nil, Self.farewell] {
            var pipeline = PipelineState()
            pipeline.sent(Self.explicit(1))
            for _ in 0..<3 { _ = pipeline.succeeded() }
            #expect(pipeline.lost(farewell: farewell).map(\.1) == [nil])
        }
    }

    @Test func aCommitThatWasSentAndNotAnsweredIsInDoubt() {
        for (answers, farewell, commit) in [
            (0, nil, PostgresError.Commit.commitInDoubt), (2, nil, .commitInDoubt), (1, Self.farewell, .certainlyNotCommitted),
            (2, Self.farewell, .commitInDoubt),
        ] {
            var pipeline = PipelineState()
            pipeline.sent(Self.explicit(1))
            for _ in 0..<answers { _ = pipeline.succeeded() }
            #expect(pipeline.lost(farewell: farewell).map(\.1) == [Self.lost(commit, farewell?.state)])
        }
    }

    @Test func whatHadFailedBeforeTheLossHasFailed() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1, 2))
        _ = pipeline.failed(Self.violation)
        #expect(pipeline.lost(farewell: nil).map(\.1) == [Self.violation])
    }

    // MARK: Cancellation

    @Test func theServerIsAskedOnlyWhenItIsAtTheJob() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1))
        pipeline.sent(Self.batch(2))
        pipeline.cancel(2)
        #expect(pipeline.asksForCancellation() == false)
        _ = pipeline.succeeded()
        _ = pipeline.synced()
        #expect(pipeline.asksForCancellation() == true)
        #expect(pipeline.asksForCancellation() == false)
        pipeline.cancel(2)
        #expect(pipeline.asksForCancellation() == true)
        _ = pipeline.failed(PostgresError(.refused, state: .queryCanceled))
        #expect(pipeline.synced() == .ended(2, .done(PostgresError(.refused, state: .queryCanceled))))
    }

    @Test func aJobThatIsStruckByAnothersCancellationIsSentAgain() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1))
        pipeline.sent(Self.batch(2))
        pipeline.cancel(1)
        #expect(pipeline.asksForCancellation() == true)
        _ = pipeline.succeeded()
        #expect(pipeline.synced() == .ended(1, .done(nil)))
        _ = pipeline.failed(PostgresError(.refused, state: .queryCanceled))
        #expect(pipeline.synced() == .ended(2, .again))
    }

    @Test func aTimeOutOfTheServersIsNoStrayCancellation() {
        var pipeline = PipelineState()
        pipeline.sent(Self.batch(1))
        _ = pipeline.failed(PostgresError(.refused, state: .queryCanceled))
        #expect(pipeline.synced() == .ended(1, .done(PostgresError(.refused, state: .queryCanceled))))
    }
}
