import AdapterKit
import GatewayModel

/// Makes one attempt: asks the gate a last time, records that transmission begins where the channel needs it, and calls the adapter.
struct DeliveryWorker: Sendable {
    let gate: SuppressionGate
    let settler: Settler
    let clock: any WallClock
    let observer: any DeliveryObserver
    let markTransmitting: Batcher<LeaseReference, Result<Bool, StoreError>>
    let pacer: RecipientPacer

    enum Ended: Sendable {
        /// The adapter was called.
        case attempted(DeliveryOutcome, startedAt: Timestamp)
        case suppressed
        case expired
        /// Given back as it was; due again at that time.
        case givenBack(dueAt: Timestamp?)
        /// The lease is no longer ours: nothing may be written.
        case lost
    }

    struct WorkResult: Sendable {
        var ended: Ended

        var outcome: DeliveryOutcome? {
            if case .attempted(let outcome, _) = ended { outcome } else { nil }
        }
    }

    func work(on claimed: ClaimedDelivery, verdict: SuppressionGate.Verdict?, lane: ChannelLane) async -> WorkResult {
        let delivery = claimed.delivery
        let policy = lane.channel.policy
        if delivery.deadline <= clock.now { return WorkResult(ended: .expired) }
        // Too little of the lease left to finish under it: somebody else may hold it before this ends.
        if !lane.hasLease(claimed.token) { return WorkResult(ended: .givenBack(dueAt: nil)) }
        do {
            if try await suppressionReason(delivery, verdict) != nil { return WorkResult(ended: .suppressed) }
        } catch {
            observer.observe(.storeFailed(during: "suppression check", error))
            return WorkResult(ended: .givenBack(dueAt: clock.now + .seconds(1)))
        }
        if let rate = policy.recipientRate, let opensAt = await pacer.take(for: delivery.endpoint, rate) {
            return WorkResult(ended: .givenBack(dueAt: opensAt))
        }
        if policy.marksTransmission(of: delivery) {
            switch await markTransmitting.call(LeaseReference(deliveryID: delivery.id, token: claimed.token)) {
            case .success(true): break
            case .success(false):
                observer.observe(.leaseLost(delivery.endpoint.channel))
                return WorkResult(ended: .lost)
            case .failure(let error):
                observer.observe(.storeFailed(during: "mark transmission", error))
                return WorkResult(ended: .givenBack(dueAt: clock.now + .seconds(1)))
            }
        }
        // Asking and marking may have taken their time.
        let startedAt = clock.now
        switch lane.begin(claimed.token, overrunAt: startedAt + policy.attemptTimeout + Self.overrun) {
        case .granted: return await attempt(claimed, startedAt: startedAt, lane: lane)
        case .tooLate: return WorkResult(ended: .givenBack(dueAt: nil))
        case .leaseLost:
            observer.observe(.leaseLost(delivery.endpoint.channel))
            return WorkResult(ended: .lost)
        }
    }

    /// How long past its time an adapter is left to answer by itself.
    private static let overrun = Duration.seconds(5)

    private func suppressionReason(_ delivery: Delivery, _ verdict: SuppressionGate.Verdict?) async throws(StoreError) -> Reason? {
        guard let verdict else {
            return try await gate.verdicts(on: [(delivery.endpoint, delivery.category)], organizationID: delivery.organizationID)[0].reason
        }
        return try await gate.confirm(
            verdict, on: delivery.endpoint, category: delivery.category, organizationID: delivery.organizationID
        ).reason
    }

    private func attempt(_ claimed: ClaimedDelivery, startedAt: Timestamp, lane: ChannelLane) async -> WorkResult {
        let delivery = claimed.delivery
        let adapter = lane.channel.adapter
        let request = DeliveryRequest(
            deliveryID: delivery.id, messageID: delivery.messageID, organizationID: delivery.organizationID, endpoint: delivery.endpoint,
            content: claimed.content, category: delivery.category, acceptedAt: delivery.createdAt, attempt: delivery.recordedAttempts + 1,
            countedAttempt: delivery.attemptCount + 1 - max(0, delivery.maxAttempts - lane.channel.policy.retry.maxAttempts),
            deadline: startedAt + lane.channel.policy.attemptTimeout)
        let task = Task { () async throws(CancellationError) in try await adapter.deliver(request) }
        if !lane.canCancel(claimed.token, by: { task.cancel() }) { task.cancel() }
        let outcome: DeliveryOutcome
        do {
            outcome = try await task.value
        } catch {
            // Cut off before anything was transmitted, by the end of a stopping node's grace: that costs nothing.
            if lane.isDraining { return WorkResult(ended: .givenBack(dueAt: nil)) }
            outcome = .answerLost(DeliveryFailure(.answerLost, "the attempt was cut off by the gateway"))
        }
        return WorkResult(ended: .attempted(outcome, startedAt: startedAt))
    }

    /// Hands the end of the work to the settler; waits only while too much is unsettled.
    func conclude(_ claimed: ClaimedDelivery, _ result: WorkResult, lane: ChannelLane, leaseUntil: Timestamp, resumeAt: Timestamp) async {
        func ended(_ event: LifecycleEvent) async {
            await settler.submit([.settle(.init(claimed: claimed, leaseUntil: leaseUntil, event: event, channel: lane.channel))])
        }
        switch result.ended {
        case .attempted(let outcome, let startedAt):
            let (kind, failure) = outcome.journal
            observer.observe(.attempted(claimed.delivery, kind, failure, took: clock.now - startedAt))
            await ended(.attempted(outcome, startedAt: startedAt, resumeAt: resumeAt))
        // Callers were promised this word for whatever came after planning.
        case .suppressed: await ended(.suppressed(.addressSuppressed))
        case .expired: await ended(.deadlinePassed)
        case .givenBack(let dueAt): await giveBack([claimed], dueAt: dueAt)
        case .lost: break
        }
    }

    /// Gives claims back unused; the lane hears of them once that is written.
    func giveBack(_ claimed: [ClaimedDelivery], dueAt: Timestamp?) async {
        await settler.submit(claimed.map { .release($0, dueAt: dueAt) })
    }

    /// Ends claims on rows that cannot be read.
    func failUndecodable(_ leases: [LeaseReference], leaseUntil: Timestamp) async {
        await settler.submit(leases.map { .failUndecodable($0, leaseUntil: leaseUntil) })
    }
}

extension DeliveryOutcome {
    /// How the attempt's journal and the metrics name this outcome.
    var journal: (AttemptOutcome, DeliveryFailure?) {
        switch self {
        case .accepted: (.accepted, nil)
        case .deferred(let failure, _): (.deferred, failure)
        case .throttled(let failure, _): (.throttled, failure)
        case .channelFault(let failure): (.channelFault, failure)
        case .rejected(let failure, _): (.rejected, failure)
        case .answerLost(let failure): (.answerLost, failure)
        }
    }
}
