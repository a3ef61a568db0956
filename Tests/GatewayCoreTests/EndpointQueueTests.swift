import AdapterKit
import GatewayCore
import GatewayModel
import Testing

@Suite struct EndpointQueueTests {
    private let now = Timestamp(seconds: 1_000_000)

    private func claimed(_ address: String) -> ClaimedDelivery {
        ClaimedDelivery(delivery: .example(address: address), content: RenderedContent([:]), token: .make())
    }

    @Test func endpointsTakeTurns() {
        var queue = EndpointQueue(perEndpoint: 8)
        let big = (0..<5).map { _ in claimed("big") }
        let small = claimed("small")
        for one in big + [small] { queue.add(one) }
        let order = (0..<6).compactMap { _ in queue.next(at: now)?.delivery.id }
        #expect(order == [big[0], small, big[1], big[2], big[3], big[4]].map(\.delivery.id))
        #expect(queue.next(at: now) == nil)
        #expect(queue.underWayCount == 6 && queue.waitingCount == 0)
    }

    @Test func noneHasMoreThanItsShare() throws {
        var queue = EndpointQueue(perEndpoint: 2)
        for _ in 0..<4 { queue.add(claimed("a")) }
        let taken = (0..<3).map { _ in queue.next(at: now) }
        let first = try #require(taken[0])
        #expect(taken[1] != nil && taken[2] == nil)
        #expect(queue.stuck(since: now) == [first.delivery.endpoint] && queue.stuck(since: now - .seconds(1)).isEmpty)
        queue.finish(first.delivery)
        queue.finish(first.delivery)
        #expect(queue.underWayCount == 1)
        #expect(queue.next(at: now) != nil)
        #expect(queue.next(at: now) == nil)
    }

    @Test func withdrawingAndRemoving() {
        var queue = EndpointQueue(perEndpoint: 1)
        let (a1, a2, b1) = (claimed("a"), claimed("a"), claimed("b"))
        for one in [a1, a2, b1] { queue.add(one) }
        queue.remove([a1.delivery.id])
        #expect(Set(queue.waiting.map(\.delivery.id)) == [a2.delivery.id, b1.delivery.id])
        let withdrawn = queue.withdraw(a1.delivery.endpoint).map(\.delivery.id)
        #expect(withdrawn == [a2.delivery.id])
        let next = queue.next(at: now)
        #expect(next?.delivery.id == b1.delivery.id)
        #expect(queue.next(at: now) == nil)
        queue.add(a1)
        let rest = queue.withdraw().map(\.delivery.id)
        #expect(rest == [a1.delivery.id] && queue.underWayCount == 1)
    }

    /// Random operations against a plain model.
    @Test(arguments: 0..<30) func agreesWithAModel(_: Int) {
        let share = Int.random(in: 1...3)
        var queue = EndpointQueue(perEndpoint: share)
        var waiting: [ClaimedDelivery] = []
        var underWay: [ClaimedDelivery] = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<10) {
            case 0..<4:
                let new = claimed("\(Int.random(in: 0..<4))")
                queue.add(new)
                waiting.append(new)
            case 4..<7:
                let busy = Dictionary(grouping: underWay, by: \.delivery.endpoint).mapValues(\.count)
                let ready = waiting.filter { busy[$0.delivery.endpoint, default: 0] < share }
                guard let next = queue.next(at: now) else {
                    #expect(ready.isEmpty)
                    continue
                }
                // In the order of its own endpoint.
                #expect(ready.first { $0.delivery.endpoint == next.delivery.endpoint }?.delivery.id == next.delivery.id)
                waiting.removeAll { $0.delivery.id == next.delivery.id }
                underWay.append(next)
            case 7, 8:
                guard let ended = underWay.randomElement() else { continue }
                queue.finish(ended.delivery)
                underWay.removeAll { $0.delivery.id == ended.delivery.id }
            default:
                if Bool.random() {
                    let endpoint = Endpoint(channel: .email, address: "\(Int.random(in: 0..<4))")
                    let withdrawn = queue.withdraw(endpoint).map(\.delivery.id)
                    #expect(withdrawn == waiting.filter { $0.delivery.endpoint == endpoint }.map(\.delivery.id))
                    waiting.removeAll { $0.delivery.endpoint == endpoint }
                } else {
                    let ids = Set(waiting.shuffled().prefix(2).map(\.delivery.id))
                    queue.remove(ids)
                    waiting.removeAll { ids.contains($0.delivery.id) }
                }
            }
            #expect(queue.waitingCount == waiting.count && queue.underWayCount == underWay.count)
            #expect(Set(queue.waiting.map(\.delivery.id)) == Set(waiting.map(\.delivery.id)))
        }
    }
}
