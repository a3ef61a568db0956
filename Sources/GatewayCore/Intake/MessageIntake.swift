public import AdapterKit
public import GatewayModel

/// Accepts messages: checks them, asks the gate, stores them durably, and wakes the dispatcher.
public struct MessageIntake: Sendable {
    private let store: any OutboxWriting & OutboxReading
    private let factory: DeliveryFactory
    private let gate: SuppressionGate
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    private let wake: WakeRelay

    public init(
        store: any OutboxWriting & OutboxReading, factory: DeliveryFactory, gate: SuppressionGate, clock: any WallClock,
        observer: any DeliveryObserver,
        wake: WakeRelay
    ) {
        self.store = store
        self.factory = factory
        self.gate = gate
        self.clock = clock
        self.observer = observer
        self.wake = wake
    }

    /// What became of one draft.
    public enum Answer: Hashable, Sendable {
        case accepted(MessageID, [Delivery], isDuplicate: Bool)
        case invalid(Faults)
        /// The idempotency key was used before for another body.
        case conflict
    }

    /// Accepts drafts of one organization, each by itself; the answers stand in their order. Throws when nothing could be recorded.
    public func accept(_ drafts: [MessageDraft]) async throws(StoreError) -> [Answer] {
        let now = clock.now
        var answers: [Answer?] = Array(repeating: nil, count: drafts.count)
        var messages: [(index: Int, message: NewMessage)] = []
        for (index, draft) in drafts.enumerated() {
            do { messages.append((index, try message(from: draft, at: now))) } catch { answers[index] = .invalid(error) }
        }
        if !messages.isEmpty {
            let gated = try await passGate(messages.map(\.message))
            let results = try await store.accept(gated)
            for ((index, _), (message, result)) in zip(messages, zip(gated, results)) { answers[index] = answer(message, result) }
            announce(results)
        }
        return answers.map { $0 ?? .conflict }
    }

    /// What is wrong with what one leg says, as far as it says anything.
    public func faults(ofChannel channel: ChannelName, to: String?, content: JSONValue?, path: String) -> [Fault] {
        factory.faults(channel: channel, to: to, content: content, path: path, acceptedAt: clock.now)
    }

    /// Tells observers and the dispatcher of deliveries that now are in the store.
    public func announce(_ results: [MessageAcceptance]) {
        var created: [Delivery] = []
        for case .created(let deliveries) in results { created += deliveries }
        announce(created)
    }

    /// - Parameter releasesOthers: the same write ended deliveries that others may have waited for, whatever their channel.
    public func announce(_ created: [Delivery], releasesOthers: Bool = false) {
        if releasesOthers { wake.wake(nil, dueAt: clock.now) }
        guard !created.isEmpty else { return }
        observer.observe(.accepted(created))
        var earliest: [ChannelName: Timestamp] = [:]
        for delivery in created where delivery.state == .pending {
            earliest[delivery.endpoint.channel] = min(earliest[delivery.endpoint.channel] ?? .distantFuture, delivery.dueAt)
        }
        for (channel, dueAt) in earliest { wake.wake(channel, dueAt: dueAt) }
        if let deadline = created.lazy.filter({ $0.state == .pending }).map(\.deadline).min() { wake.watch(deadline) }
    }

    /// Observers hear of the reminders that an event took back.
    public func announce(_ supersession: Supersession, organizationID: OrganizationID) async {
        let query = DeliveryQuery(
            organizationID: organizationID, status: .cancelled, quoteID: supersession.quoteID, now: supersession.at, limit: 200)
        for delivery in (try? await store.deliveries(query).elements) ?? [] where delivery.updatedAt == supersession.at {
            observer.observe(.changed(delivery))
        }
    }

    private func answer(_ message: NewMessage, _ result: MessageAcceptance) -> Answer {
        switch result {
        case .created(let deliveries): .accepted(message.id, deliveries, isDuplicate: false)
        case .duplicate(let id, let deliveries): .accepted(id, deliveries, isDuplicate: true)
        case .conflict: .conflict
        }
    }

    private func message(from draft: MessageDraft, at now: Timestamp) throws(Faults) -> NewMessage {
        var faults: [Fault] = []
        var deliveries: [NewDelivery] = []
        let id = draft.id ?? .make()
        if let expiresAt = draft.expiresAt, expiresAt <= max(now, draft.notBefore ?? now) {
            faults.append(Fault("expiresAt", "must be later than now and than notBefore"))
        }
        for (index, leg) in ([draft.first] + draft.fallback).enumerated() {
            do {
                let path = index == 0 ? "" : "fallback[\(index - 1)]"
                let (channel, endpoint, content) = try factory.check(
                    channel: leg.channel, to: leg.to, content: leg.content, path: path, acceptedAt: now)
                let begin = max(now, draft.notBefore ?? now)
                let dueAt = index == 0 ? begin : leg.after.map { begin + $0 } ?? .distantFuture
                deliveries.append(
                    NewDelivery(
                        id: .make(), endpoint: endpoint, content: content, origin: .api, orderingKey: index == 0 ? draft.orderingKey : nil,
                        fallbackOf: deliveries.last?.id, maxAttempts: channel.policy.retry.maxAttempts,
                        // One that stands by begins at the latest when the one before it has to end.
                        deadline: factory.deadline(
                            channel, dueAt: dueAt == .distantFuture ? deliveries.last?.deadline ?? begin : dueAt, expiresAt: draft.expiresAt
                        ),
                        expiresAt: draft.expiresAt, dueAt: dueAt))
            } catch { faults += error.list }
        }
        guard faults.isEmpty else { throw Faults(faults) }
        return NewMessage(
            id: id, organizationID: draft.organizationID, idempotencyKey: draft.idempotencyKey, bodyHash: draft.bodyHash,
            category: draft.category, apiKeyID: draft.apiKeyID, metadata: draft.metadata, createdAt: now, deliveries: deliveries)
    }

    /// Marks what must not be sent; the fallback of a suppressed leg takes its place.
    public func passGate(_ messages: [NewMessage]) async throws(StoreError) -> [NewMessage] {
        var messages = messages
        for (organizationID, indices) in Dictionary(grouping: messages.indices, by: { messages[$0].organizationID }) {
            let asked = indices.flatMap { index in messages[index].deliveries.map { ($0.endpoint, messages[index].category) } }
            if asked.isEmpty { continue }
            var verdicts = try await gate.verdicts(on: asked, organizationID: organizationID)[...]
            for index in indices {
                for leg in messages[index].deliveries.indices {
                    guard let reason = verdicts.removeFirst().reason, messages[index].deliveries[leg].suppressed == nil else { continue }
                    messages[index].deliveries[leg].suppressed = reason
                    let suppressed = messages[index].deliveries[leg]
                    if let next = messages[index].deliveries.firstIndex(where: { $0.fallbackOf == suppressed.id }) {
                        messages[index].deliveries[next].fallbackOf = suppressed.fallbackOf
                        messages[index].deliveries[next].dueAt = min(messages[index].deliveries[next].dueAt, suppressed.dueAt)
                    }
                }
            }
        }
        return messages
    }
}
