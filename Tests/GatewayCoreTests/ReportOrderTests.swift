import AdapterKit
import GatewayCore
import GatewayModel
import Testing

/// Reports may come in any order, and more than once: they end alike.
@Suite struct ReportOrderTests {
    private static let now = Timestamp(seconds: 1_000_000)

    /// What is left of a delivery after reports, and the suppressions they gave.
    private struct End: Hashable {
        var state: DeliveryState
        var confirmation: GatewayModel.Confirmation?
        var flags: Int
        var suppressions: Set<SuppressionReason>
    }

    private func end(of kinds: [DeliveryReport.Kind], from state: DeliveryState) -> End {
        var delivery = Delivery.example(state, channel: .whatsapp, now: Self.now)
        var suppressions: Set<SuppressionReason> = []
        let lifecycle = Lifecycle(policy: ChannelPolicy(lostAnswer: .reconcile), now: Self.now, chance: 0)
        for kind in kinds {
            let report = DeliveryReport(kind: kind, at: Self.now, failure: .hard, rejectedPart: kind == .bounced ? .deadEndpoint : nil)
            guard case .success(let transition) = lifecycle.reduce(delivery, .reported(report)) else { continue }
            delivery.apply(transition.change)
            if let reason = transition.suppression?.reason { suppressions.insert(reason) }
        }
        return End(state: delivery.state, confirmation: delivery.confirmation, flags: delivery.flags.rawValue, suppressions: suppressions)
    }

    private func permutations<Element>(_ elements: [Element]) -> [[Element]] {
        guard elements.count > 1 else { return [elements] }
        return elements.indices.flatMap { index in
            var rest = elements
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }

    @Test(arguments: [DeliveryState.succeeded, .unknown])
    func whatWasTakenEndsAlike(state: DeliveryState) {
        let kinds: [DeliveryReport.Kind] = [.sent, .delivered, .read, .bounced, .complained, .reply]
        let ends = Set(permutations(kinds).map { end(of: $0 + $0, from: state) })
        let expected = End(
            state: .succeeded, confirmation: .read, flags: DeliveryFlags([.bounced, .complained]).rawValue,
            suppressions: [.hardBounce, .complaint])
        #expect(ends == [expected])
    }

    /// A failure beside news of the address; only delivery itself may contradict a failure, and then the order counts.
    @Test(arguments: [DeliveryState.succeeded, .unknown])
    func whatFailedEndsAlike(state: DeliveryState) {
        let ends = Set(permutations([.failed, .bounced, .complained, .reply]).map { end(of: $0, from: state) })
        let expected = End(
            state: .failed, confirmation: nil, flags: DeliveryFlags([.bounced, .complained]).rawValue,
            suppressions: [.hardBounce, .complaint])
        #expect(ends == [expected])
        #expect(Set(permutations([.failed, .sent]).map { end(of: $0, from: state).flags }) == [0])
    }

    @Test func failureAndDelivery() {
        #expect(end(of: [.delivered, .failed], from: .succeeded).flags == DeliveryFlags.undelivered.rawValue)
        #expect(end(of: [.delivered, .failed], from: .succeeded).state == .succeeded)
        #expect(end(of: [.read, .failed], from: .unknown).state == .succeeded)
        #expect(end(of: [.failed, .delivered], from: .succeeded).state == .failed)
        #expect(end(of: [.failed, .delivered], from: .succeeded).flags == DeliveryFlags.lateReport.rawValue)
        #expect(end(of: [.sent, .failed], from: .succeeded).state == .failed)
    }
}
