import AdapterKit
import GatewayTestKit
import Synchronization
import Testing

@testable import GatewayCore

@Suite struct RecipientPacerTests {
    private let rate = RecipientRate(every: .seconds(6), burst: 3)
    private func phone(_ number: Int) -> Endpoint { Endpoint(channel: .whatsapp, address: "+3161234\(number)") }

    @Test func aloneItIsOneBucketForEachRecipient() async {
        let clock = ManualClock()
        let pacer = RecipientPacer(rates: nil, clock: clock)
        for _ in 0..<3 { #expect(await pacer.take(for: phone(1), rate) == nil) }
        #expect(await pacer.take(for: phone(1), rate) == clock.now + .seconds(6))
        #expect(await pacer.take(for: phone(2), rate) == nil)
        clock.advance(by: .seconds(6))
        #expect(await pacer.take(for: phone(1), rate) == nil)
        #expect(await pacer.take(for: phone(1), rate) == clock.now + .seconds(6))
    }

    @Test func thousandsOfRecipientsAreForgottenOnceTheyMayBeSentAllAgain() async {
        let clock = ManualClock()
        let pacer = RecipientPacer(rates: nil, clock: clock)
        for round in 0..<5 {
            for number in 0..<999 { #expect(await pacer.take(for: phone(round * 1000 + number), rate) == nil) }
            clock.advance(by: .seconds(6))
        }
        for _ in 0..<2 { #expect(await pacer.take(for: phone(4001), rate) == nil) }
        #expect(await pacer.take(for: phone(4001), rate) == nil, "one came back meanwhile")
        #expect(await pacer.take(for: phone(4001), rate) != nil)
    }

    @Test func sharedItAsksForEachAndKeepsToTheAnswer() async {
        let clock = ManualClock()
        let rates = ScriptedRates([.tokens(1, wait: .zero), .tokens(0, wait: .seconds(4))])
        let pacer = RecipientPacer(rates: rates, clock: clock)
        #expect(await pacer.take(for: phone(1), rate) == nil)
        #expect(await pacer.take(for: phone(1), rate) == clock.now + .seconds(4))
        let limit = SharedLimit(RateKey(channel: .whatsapp, recipient: phone(1)), perSecond: 1.0 / 6, burst: 3)
        #expect(rates.asked == [limit, limit])
    }

    @Test func whileNodesCannotAgreeItFailsClosed() async {
        let clock = ManualClock()
        let pacer = RecipientPacer(rates: ScriptedRates([]), clock: clock)
        #expect(await pacer.take(for: phone(1), rate) == nil)
        #expect(await pacer.take(for: phone(1), rate) == clock.now + .seconds(24), "one of four nodes, and no burst")
    }
}

/// Answers from a list; at its end the four nodes cannot agree.
private final class ScriptedRates: RateAuthority {
    private let state: Mutex<(answers: [RateGrant], asked: [SharedLimit])>

    init(_ answers: [RateGrant]) { state = Mutex((answers, [])) }

    var asked: [SharedLimit] { state.withLock { $0.asked } }

    func take(_ count: Int, of limit: SharedLimit) async -> RateGrant {
        state.withLock { state in
            state.asked.append(limit)
            return state.answers.isEmpty ? .share(ofNodes: 4, for: .milliseconds(500)) : state.answers.removeFirst()
        }
    }
}
