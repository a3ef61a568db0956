import AdapterKit
import GatewayModel
import Testing

@testable import GatewayCore

@Suite struct RateBudgetTests {
    private let start = Timestamp(seconds: 1_000_000)
    private func at(_ seconds: Double) -> Timestamp { start + .microseconds(Int64(seconds * 1_000_000)) }

    @Test func aloneItIsTheBucketItself() {
        var budget = RateBudget(perSecond: 2, at: start)
        #expect(budget.ask(forUpTo: 10, at: start) == nil)
        #expect(budget.take(at: start) == nil && budget.take(at: start) == nil)
        #expect(budget.take(at: start) == at(0.5))
    }

    @Test func sharedItStartsOnlyWhatWasGrantedAndAsksBeforeItRunsOut() {
        var budget = RateBudget(perSecond: 80, isShared: true, at: start)
        #expect(budget.take(at: start) == .distantFuture)
        #expect(budget.ask(forUpTo: 100, at: start) == 8, "a tenth of a second's worth")
        #expect(budget.ask(forUpTo: 100, at: start) == nil, "one question at a time")
        budget.granted(.tokens(8, wait: .zero), at: start)
        for _ in 0..<5 {
            #expect(budget.take(at: start) == nil)
            #expect(budget.wanted(forUpTo: 100, at: start) == nil)
        }
        #expect(budget.take(at: start) == nil)
        #expect(budget.wanted(forUpTo: 2, at: start) == nil, "who waits can start")
        #expect(budget.ask(forUpTo: 100, at: start) == 8)
        #expect(budget.take(at: start) == nil && budget.take(at: start) == nil)
        #expect(budget.take(at: start) == .distantFuture)
    }

    @Test func withoutATokenItAsksAgainWhenThereIsOne() {
        var budget = RateBudget(perSecond: 0.5, isShared: true, at: start)
        #expect(budget.ask(forUpTo: 3, at: start) == 1)
        budget.granted(.tokens(0, wait: .seconds(2)), at: start)
        #expect(budget.take(at: start) == at(2) && budget.wanted(forUpTo: 3, at: at(1.9)) == nil)
        #expect(budget.ask(forUpTo: 3, at: at(2)) == 1)
    }

    @Test func tokensThatNobodyUsedLapse() {
        var budget = RateBudget(perSecond: 80, isShared: true, at: start)
        _ = budget.ask(forUpTo: 8, at: start)
        budget.granted(.tokens(8, wait: .zero), at: start)
        #expect(budget.opensAt(at(0.9)) == nil)
        #expect(budget.opensAt(at(1)) == .distantFuture && budget.wanted(forUpTo: 1, at: at(1)) == 1)
    }

    @Test func whileNodesCannotAgreeEachKeepsToItsShare() {
        var budget = RateBudget(perSecond: 10, isShared: true, at: start)
        _ = budget.ask(forUpTo: 100, at: start)
        budget.granted(.share(ofNodes: 5, for: .milliseconds(500)), at: start)
        var taken = 0
        var now = start
        var asked = 0
        while now < at(10) {
            if budget.ask(forUpTo: 100, at: now) != nil {
                asked += 1
                budget.granted(.share(ofNodes: 5, for: .milliseconds(500)), at: now)
            }
            if budget.take(at: now) == nil { taken += 1 } else { now = now + .milliseconds(10) }
        }
        #expect((20...22).contains(taken), "two a second and a burst of two")
        #expect((15...20).contains(asked), "twice a second it asks whether they agree again")
    }

    @Test func whoHasJustSentOnSharedTokensHasNoSecondHelping() {
        var budget = RateBudget(perSecond: 10, isShared: true, at: start)
        for _ in 0..<10 {
            _ = budget.ask(forUpTo: 100, at: start)
            budget.granted(.tokens(1, wait: .zero), at: start)
            #expect(budget.take(at: start) == nil)
        }
        _ = budget.ask(forUpTo: 100, at: start)
        budget.granted(.share(ofNodes: 1, for: .milliseconds(500)), at: start)
        #expect(budget.take(at: start) == at(0.1))
    }
}
