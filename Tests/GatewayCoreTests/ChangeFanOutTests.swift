import AdapterKit
import GatewayModel
import GatewayTestKit
import StoreConformance
import Synchronization
import Testing

@testable import GatewayCore

@Suite(.timeLimit(.minutes(1))) struct ChangeFanOutTests {
    @Test func whatChangesHereIsReadAndShownThere() async throws {
        try await OutboxBench.with([.mail()]) { bench in
            let id = try await bench.accept("a@x.nl")[0]
            let delivery = try await bench.delivery(id)
            let (here, there) = (Watcher(bench), Watcher(bench))
            here.wire.other = there.wire
            var seen = there.feed.changes().makeAsyncIterator()
            here.fanOut.observe(.changed(delivery))
            here.fanOut.observe(.accepted([delivery]))
            await bench.clock.advance(toSleeperAt: bench.at(0.02))
            #expect(await seen.next() == delivery, "the row itself, read from the store")
            #expect(here.wire.published == [[notice(of: delivery)]], "what changed twice is told once, and by nothing but ids")
        }
    }

    @Test func withoutAWatcherNobodyReads() async throws {
        try await OutboxBench.with([.mail()]) { bench in
            let delivery = try await bench.delivery(try await bench.accept("a@x.nl")[0])
            let there = Watcher(bench)
            there.wire.say([notice(of: delivery)])
            // Only what is told from now on can come.
            var seen = there.feed.changes().makeAsyncIterator()
            let other = try await bench.delivery(try await bench.accept("b@x.nl")[0])
            there.wire.say([
                DeliveryChangeNotice(organizationID: .make(), deliveryID: delivery.id, revision: bench.start), notice(of: other),
            ])
            #expect(await seen.next() == other, "another organization's delivery is none")
        }
    }

    @Test func moreThanAThousandAreDroppedNotGathered() async throws {
        try await OutboxBench.with([.mail()]) { bench in
            let delivery = try await bench.delivery(try await bench.accept("a@x.nl")[0])
            let here = Watcher(bench)
            for _ in 0..<3000 {
                var other = delivery
                other.id = .make()
                here.fanOut.observe(.changed(other))
            }
            for round in 1...5 {
                await bench.clock.advance(toSleeperAt: bench.at(0.02 * Double(round)))
                await here.wire.hasPublished(round)
            }
            #expect(here.wire.published.map(\.count) == [200, 200, 200, 200, 200])
        }
    }

    private func notice(of delivery: Delivery) -> DeliveryChangeNotice {
        DeliveryChangeNotice(organizationID: delivery.organizationID, deliveryID: delivery.id, revision: delivery.updatedAt)
    }
}

private struct Watcher {
    let feed = StatusFeed()
    let wire = Wire()
    let fanOut: ChangeFanOut

    init(_ bench: OutboxBench) { fanOut = ChangeFanOut(feed: feed, store: bench.store, transport: wire, clock: bench.clock) }
}

private final class Wire: ChangeTransport {
    private struct State {
        var listener: (@Sendable ([DeliveryChangeNotice]) -> Void)?
        var other: Wire?
        var published: [[DeliveryChangeNotice]] = []
    }

    private let state = Watched(State())

    var other: Wire? {
        get { state.withLock { $0.other } }
        set { state.withLock { $0.other = newValue } }
    }

    var published: [[DeliveryChangeNotice]] { state.withLock { $0.published } }
    func hasPublished(_ count: Int) async { await state.wait { $0.published.count >= count } }

    func publish(_ changes: [DeliveryChangeNotice]) {
        let other = state.withLock { state in
            state.published.append(changes)
            return state.other
        }
        other?.say(changes)
    }

    func hear(_ listener: @escaping @Sendable ([DeliveryChangeNotice]) -> Void) { state.withLock { $0.listener = listener } }
    func say(_ changes: [DeliveryChangeNotice]) { state.withLock { $0.listener }?(changes) }
}
