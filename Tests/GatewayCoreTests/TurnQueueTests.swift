import AdapterKit
import GatewayModel
import GatewayTestKit
import Testing

@testable import GatewayCore

@Suite struct TurnQueueTests {
    private let now = Timestamp(seconds: 1_000_000)
    private let first = OrganizationID.make()
    private let second = OrganizationID.make()

    private func claimed(_ address: String, _ organizationID: OrganizationID? = nil) -> ClaimedDelivery {
        ClaimedDelivery(
            delivery: .example(address: address, organizationID: organizationID ?? first), content: RenderedContent([:]), token: .make())
    }

    private func take(_ count: Int, from queue: inout TurnQueue) -> [ClaimedDelivery] {
        (0..<count).compactMap { _ in queue.next(at: now) }
    }

    @Test func endpointsTakeTurns() {
        var queue = TurnQueue(perEndpoint: 8, slots: 100)
        let big = (0..<5).map { _ in claimed("big") }
        let small = claimed("small")
        for one in big + [small] { queue.add(one) }
        #expect(take(7, from: &queue).map(\.delivery.id) == [big[0], small, big[1], big[2], big[3], big[4]].map(\.delivery.id))
        #expect(queue.underWayCount == 6 && queue.waitingCount == 0)
    }

    @Test func organizationsTakeTurnsWhateverTheirEndpoints() {
        var queue = TurnQueue(perEndpoint: 8, slots: 100)
        for index in 0..<5 { queue.add(claimed("\(index)")) }
        let late = claimed("x", second)
        queue.add(late)
        #expect(take(2, from: &queue).last?.delivery.id == late.delivery.id)
    }

    @Test func noEndpointHasMoreThanItsShareWhoeverWrites() throws {
        var queue = TurnQueue(perEndpoint: 2, slots: 100)
        for index in 0..<4 { queue.add(claimed("a", index % 2 == 0 ? first : second)) }
        let taken = take(3, from: &queue)
        #expect(taken.map(\.delivery.organizationID) == [first, second])
        #expect(queue.readyCount == 0)
        let endpoint = taken[0].delivery.endpoint
        #expect(queue.stuck(since: now) == [endpoint] && queue.stuck(since: now - .seconds(1)).isEmpty)
        queue.finish(taken[0])
        queue.finish(taken[0])
        #expect(queue.underWayCount == 1 && queue.readyCount == 2)
        #expect(take(2, from: &queue).count == 1)
    }

    @Test func anOrganizationLeavesSlotsToOthers() {
        var queue = TurnQueue(perEndpoint: 8, slots: 64)
        for index in 0..<100 { queue.add(claimed("\(index)")) }
        let taken = take(100, from: &queue)
        #expect(taken.count == 48, "three of four")
        #expect(queue.crowded == [first] && queue.readyCount == 0 && queue.waitingCount == 52)
        let others = (0..<100).map { claimed("\($0)", second) }
        for one in others { queue.add(one) }
        #expect(take(100, from: &queue).count == 12, "three of four of the rest")
        queue.finish(taken[0])
        #expect(take(100, from: &queue).count == 1)
    }

    @Test func fewSlotsAreAllUsed() {
        for slots in 1...3 {
            var queue = TurnQueue(perEndpoint: 8, slots: slots)
            for index in 0..<5 { queue.add(claimed("\(index)")) }
            #expect(take(5, from: &queue).count == slots)
        }
    }

    @Test func roomIsWhatAnyOrganizationCouldStart() {
        var queue = TurnQueue(perEndpoint: 100, slots: 16)
        for room in [12, 11, 10, 9, 8] {
            #expect(queue.room == room)
            queue.add(claimed("a"))
            _ = queue.next(at: now)
        }
        for _ in 0..<7 {
            queue.add(claimed("a"))
            _ = queue.next(at: now)
        }
        #expect(queue.underWayCount == 12 && queue.crowded == [first] && queue.room == 3)
    }

    @Test func withdrawingAndRemoving() {
        var queue = TurnQueue(perEndpoint: 1, slots: 100)
        let (a1, a2, b1) = (claimed("a"), claimed("a"), claimed("b"))
        for one in [a1, a2, b1] { queue.add(one) }
        queue.remove([a1.token])
        #expect(Set(queue.waiting.map(\.delivery.id)) == [a2.delivery.id, b1.delivery.id])
        #expect(queue.withdraw(a1.delivery.endpoint).map(\.delivery.id) == [a2.delivery.id])
        #expect(take(2, from: &queue).map(\.delivery.id) == [b1.delivery.id])
        queue.add(a1)
        #expect(queue.withdraw().map(\.delivery.id) == [a1.delivery.id])
        #expect(queue.underWayCount == 1 && queue.withdraw().isEmpty)
    }

    /// Random operations against a plain model.
    @Test(arguments: 0..<20) func agreesWithAModel(seed: UInt64) {
        var dice = Dice(seed: seed)
        let share = dice.number(1...3)
        let slots = dice.number(1...9)
        var queue = TurnQueue(perEndpoint: share, slots: slots)
        var waiting: [ClaimedDelivery] = []
        var underWay: [ClaimedDelivery] = []
        func mayStart(_ one: ClaimedDelivery) -> Bool {
            let ofEndpoint = underWay.count { $0.delivery.endpoint == one.delivery.endpoint }
            let ofOrganization = underWay.count { $0.delivery.organizationID == one.delivery.organizationID }
            return underWay.count < slots && ofEndpoint < share && ofOrganization < 3 * (slots - underWay.count)
        }
        for _ in 0..<200 {
            switch dice.number(0...9) {
            case 0..<4:
                let new = claimed("\(dice.number(0...3))", dice.chance(0.5) ? first : second)
                queue.add(new)
                waiting.append(new)
            case 4..<7:
                let ready = waiting.filter(mayStart)
                guard let next = queue.next(at: now) else {
                    #expect(ready.isEmpty)
                    continue
                }
                // In the order of its own line.
                let line = ready.first {
                    $0.delivery.endpoint == next.delivery.endpoint && $0.delivery.organizationID == next.delivery.organizationID
                }
                #expect(line?.delivery.id == next.delivery.id)
                waiting.removeAll { $0.delivery.id == next.delivery.id }
                underWay.append(next)
            case 7, 8:
                guard !underWay.isEmpty else { continue }
                queue.finish(underWay.remove(at: dice.number(0...underWay.count - 1)))
            default:
                if dice.chance(0.5) {
                    let endpoint = Endpoint(channel: .email, address: "\(dice.number(0...3))")
                    let withdrawn = queue.withdraw(endpoint).map(\.delivery.id)
                    #expect(Set(withdrawn) == Set(waiting.filter { $0.delivery.endpoint == endpoint }.map(\.delivery.id)))
                    waiting.removeAll { $0.delivery.endpoint == endpoint }
                } else {
                    let tokens = Set(waiting.shuffled(using: &dice).prefix(2).map(\.token))
                    queue.remove(tokens)
                    waiting.removeAll { tokens.contains($0.token) }
                }
            }
            #expect(queue.waitingCount == waiting.count && queue.underWayCount == underWay.count)
            #expect(Set(queue.waiting.map(\.delivery.id)) == Set(waiting.map(\.delivery.id)))
            #expect((queue.nextEndpoint() != nil) == waiting.contains(where: mayStart))
        }
    }
}
