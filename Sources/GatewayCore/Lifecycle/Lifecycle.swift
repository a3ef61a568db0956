public import AdapterKit
public import GatewayModel

/// The delivery's life as a pure function: a delivery and an event in, a change or a refusal out. No clock, no chance, no I/O.
public struct Lifecycle: Sendable {
    public var policy: ChannelPolicy
    public var now: Timestamp
    /// A draw from 0..<1, for jitter.
    public var chance: Double

    public init(policy: ChannelPolicy, now: Timestamp, chance: Double) {
        self.policy = policy
        self.now = now
        self.chance = chance
    }

    public func reduce(_ delivery: Delivery, _ event: LifecycleEvent) -> Result<Transition, LifecycleRefusal> {
        switch (delivery.state, event) {
        case (.pending, .attempted(let outcome, let startedAt, let resumeAt)):
            return .success(attempted(delivery, outcome, startedAt: startedAt, resumeAt: resumeAt))
        case (.pending, .leaseExpired): return .success(leaseExpired(delivery))
        case (.pending, .suppressed(let reason)): return .success(Transition(change: end(delivery, .suppressed, reason)))
        case (.pending, .undecodable): return .success(Transition(change: end(delivery, .failed, .undecodable)))
        case (.pending, .deadlinePassed): return .success(Transition(change: expired(delivery)))
        case (.pending, .cancelled(let reason)):
            // What was marked may have been sent, also when its node is gone.
            if let lease = delivery.lease, lease.until > now || lease.isTransmitting { return .failure(.tooLate(.pending)) }
            return .success(Transition(change: end(delivery, .cancelled, reason)))
        case (.pending, .reported): return .failure(.notYet)

        case (.succeeded, .cancelled), (.unknown, .cancelled): return .failure(.tooLate(delivery.state))
        case (.cancelled, .cancelled): return .failure(.nothingNew)

        case (.succeeded, .reported(let report)): return reportedOnSucceeded(delivery, report)
        case (.unknown, .reported(let report)): return reportedOnUnknown(delivery, report)
        case (.failed, .reported(let report)): return reportedOnFailed(delivery, report)

        case (.unknown, .resolved(delivered: true)):
            return .success(Transition(change: end(delivery, .succeeded, .resolvedByUser)))
        case (.unknown, .resolved(delivered: false)) where isExpired(delivery):
            return .success(Transition(change: end(delivery, .failed, .expired)))
        case (.unknown, .retried) where isExpired(delivery), (.failed, .retried) where isExpired(delivery):
            return .failure(.expired(from: delivery.state))
        case (.unknown, .resolved(delivered: false)), (.unknown, .retried), (.failed, .retried):
            return .success(Transition(change: again(delivery)))

        default: return .failure(.invalidTransition(from: delivery.state))
        }
    }
}

// MARK: - Tries

extension Lifecycle {
    private func attempted(_ delivery: Delivery, _ outcome: DeliveryOutcome, startedAt: Timestamp, resumeAt: Timestamp?) -> Transition {
        var attempt = Attempt(
            number: delivery.recordedAttempts + 1, startedAt: startedAt, endedAt: now, outcome: .accepted, counted: true)
        var change = DeliveryChange(of: delivery, at: now)
        change.recordedAttempts += 1
        change.claimCount = 0
        change.reason = nil
        var suppression: SuppressionProposal?

        switch outcome {
        case .accepted(let acceptance):
            attempt.code = acceptance.code
            attempt.providerMessageID = acceptance.providerMessageID
            change.attemptCount += 1
            change.providerMessageID = acceptance.providerMessageID
            change.settle(.succeeded, nil)

        case .deferred(let failure, let hint):
            attempt.record(.deferred, failure)
            change.lastError = failure
            change.attemptCount += 1
            waitOrFail(&change, delivery, hint: hint)

        case .throttled(let failure, let hint):
            attempt.record(.throttled, failure, counted: false)
            change.lastError = failure
            change.dueAt = now + bounded(hint, delivery, after: max(1, delivery.attemptCount))

        case .channelFault(let failure):
            attempt.record(.channelFault, failure, counted: false)
            change.lastError = failure
            change.reason = .channelPaused
            // What runs into one again and again has it of its own, and is not to keep the others from being sent each time.
            let pause = delivery.recordedAttempts == 0 ? .zero : policy.retry.wait(after: delivery.recordedAttempts, chance: chance)
            change.dueAt = max(resumeAt ?? now + .seconds(1), now + pause)

        case .rejected(let failure, let part):
            attempt.record(.rejected, failure)
            change.lastError = failure
            change.attemptCount += 1
            change.settle(.failed, reason(part))
            suppression = proposal(part, failure)

        case .answerLost(let failure):
            attempt.record(.answerLost, failure)
            change.lastError = failure
            change.attemptCount += 1
            switch policy.lostAnswer {
            case .resend:
                change.flags.insert(.possibleDuplicate)
                waitOrFail(&change, delivery, hint: nil, atLeast: policy.quietTime)
            case .reconcile, .hold: change.settle(.unknown, .answerLost)
            }
        }
        return Transition(change: change, attempt: attempt, suppression: suppression)
    }

    /// The node died. Where the claim was the attempt's beginning, or its mark was written, the answer is lost.
    private func leaseExpired(_ delivery: Delivery) -> Transition {
        var change = DeliveryChange(of: delivery, at: now)
        if policy.marksTransmission, delivery.lease?.isTransmitting != true {
            change.dueAt = min(delivery.dueAt, now)
            if delivery.claimCount >= policy.poisonClaims { change.settle(.failed, .poison) }
            return Transition(change: change)
        }
        let failure = DeliveryFailure(.answerLost, "the gateway stopped while this was being sent")
        var attempt = Attempt(
            number: delivery.recordedAttempts + 1, startedAt: delivery.dueAt, endedAt: now, outcome: .answerLost,
            counted: policy.marksTransmission)
        attempt.failure = failure
        change.recordedAttempts += 1
        change.lastError = failure
        if policy.marksTransmission {
            change.attemptCount += 1
            change.settle(.unknown, .answerLost)
        } else if delivery.claimCount >= policy.poisonClaims {
            change.settle(.failed, .poison)
        } else {
            change.flags.insert(.possibleDuplicate)
            change.dueAt = now + max(policy.quietTime ?? .zero, policy.retry.wait(after: max(1, delivery.attemptCount), chance: chance))
        }
        return Transition(change: change, attempt: attempt)
    }

    private func waitOrFail(_ change: inout DeliveryChange, _ delivery: Delivery, hint: Duration?, atLeast: Duration? = nil) {
        if change.attemptCount >= delivery.maxAttempts {
            change.settle(.failed, .attemptsExhausted)
            return
        }
        let wait = max(bounded(hint, delivery, after: change.attemptCount), atLeast ?? .zero)
        change.dueAt = now + wait
        if change.dueAt >= delivery.deadline { change.settle(.failed, .expired) }
    }

    private func bounded(_ hint: Duration?, _ delivery: Delivery, after attempt: Int) -> Duration {
        guard let hint else { return policy.retry.wait(after: attempt, chance: chance) }
        return RetryPolicy.bounded(hint, left: delivery.deadline - now)
    }

    private func reason(_ part: RejectedPart?) -> Reason {
        switch part {
        case .template: .templateInvalid
        case .size: .tooLarge
        case .window: .outsideWindow
        case .message, .endpoint, .deadEndpoint, .optedOut, nil: .rejected
        }
    }

    private func proposal(_ part: RejectedPart, _ failure: DeliveryFailure?) -> SuppressionProposal? {
        switch part {
        case .message, .template, .size, .window, .endpoint: nil
        case .deadEndpoint: SuppressionProposal(scope: .organization, reason: .hardBounce, evidence: failure?.code)
        case .optedOut(let category): SuppressionProposal(scope: .category(category), reason: .optOut, evidence: failure?.code)
        }
    }
}

// MARK: - Reports

extension Lifecycle {
    private func reportedOnSucceeded(_ delivery: Delivery, _ report: DeliveryReport) -> Result<Transition, LifecycleRefusal> {
        var change = DeliveryChange(of: delivery, at: now)
        var suppression: SuppressionProposal?
        switch report.kind {
        case .sent, .delivered, .read:
            guard let risen = confirmation(report.kind), delivery.confirmation.map({ $0 < risen }) ?? true else {
                return .failure(.nothingNew)
            }
            change.confirmation = risen
        case .bounced:
            change.flags.insert(.bounced)
            suppression = proposal(report)
        case .complained:
            change.flags.insert(.complained)
            suppression = proposal(report)
        case .failed:
            suppression = proposal(report)
            if let confirmation = delivery.confirmation, confirmation >= .delivered {
                change.flags.insert(.undelivered)
            } else {
                change.settle(.failed, reason(report.rejectedPart))
                change.lastError = report.failure ?? change.lastError
            }
        case .reply: return .failure(.nothingNew)
        }
        return .success(Transition(change: change, suppression: suppression))
    }

    private func reportedOnUnknown(_ delivery: Delivery, _ report: DeliveryReport) -> Result<Transition, LifecycleRefusal> {
        if report.kind == .reply { return .failure(.nothingNew) }
        var settled = DeliveryChange(of: delivery, at: now)
        if report.kind == .failed {
            settled.settle(.failed, reason(report.rejectedPart))
            settled.lastError = report.failure ?? settled.lastError
            return .success(Transition(change: settled, suppression: proposal(report)))
        }
        // Any other news proves that the provider took it; then it is news of a succeeded delivery.
        settled.providerMessageID = report.providerMessageID ?? settled.providerMessageID
        settled.settle(.succeeded, nil)
        var succeeded = delivery
        succeeded.apply(settled)
        guard case .success(var transition) = reportedOnSucceeded(succeeded, report) else { return .success(Transition(change: settled)) }
        transition.change.fallback = settled.fallback
        return .success(transition)
    }

    private func reportedOnFailed(_ delivery: Delivery, _ report: DeliveryReport) -> Result<Transition, LifecycleRefusal> {
        var change = DeliveryChange(of: delivery, at: now)
        var suppression: SuppressionProposal?
        switch report.kind {
        case .delivered, .read: change.flags.insert(.lateReport)
        case .bounced, .complained:
            // What is said of the address counts, whichever report came first.
            change.flags.insert(report.kind == .bounced ? .bounced : .complained)
            suppression = proposal(report)
        case .sent, .failed, .reply: return .failure(.nothingNew)
        }
        guard change.flags != delivery.flags else { return .failure(.nothingNew) }
        return .success(Transition(change: change, suppression: suppression))
    }

    private func proposal(_ report: DeliveryReport) -> SuppressionProposal? {
        if report.kind == .complained {
            return SuppressionProposal(scope: .organization, reason: .complaint, evidence: report.failure?.code)
        }
        return report.rejectedPart.flatMap { proposal($0, report.failure) }
    }

    private func confirmation(_ kind: DeliveryReport.Kind) -> Confirmation? {
        switch kind {
        case .sent: .sent
        case .delivered: .delivered
        case .read: .read
        case .bounced, .complained, .failed, .reply: nil
        }
    }
}

// MARK: - Ends and beginnings

extension Lifecycle {
    private func end(_ delivery: Delivery, _ state: DeliveryState, _ reason: Reason?) -> DeliveryChange {
        var change = DeliveryChange(of: delivery, at: now)
        change.claimCount = 0
        change.settle(state, reason)
        return change
    }

    /// One that stood by for another's end was never its turn: whoever stands by for it has no turn either.
    private func expired(_ delivery: Delivery) -> DeliveryChange {
        var change = end(delivery, .failed, .expired)
        if delivery.dueAt == .distantFuture { change.fallback = .none }
        return change
    }

    private func isExpired(_ delivery: Delivery) -> Bool { delivery.expiresAt.map { $0 <= now } ?? false }

    /// A person grants the policy's tries and time anew, within the sender's own end; the numbers of attempts go on.
    private func again(_ delivery: Delivery) -> DeliveryChange {
        var change = DeliveryChange(of: delivery, at: now)
        change.state = .pending
        change.reason = nil
        change.settledAt = nil
        // Whoever says that it did not arrive may be mistaken.
        if delivery.state == .unknown { change.flags.insert(.possibleDuplicate) }
        change.claimCount = 0
        change.dueAt = now
        change.maxAttempts = delivery.attemptCount + policy.retry.maxAttempts
        change.deadline = min(now + policy.retry.deadline, delivery.expiresAt ?? .distantFuture)
        return change
    }
}

extension DeliveryChange {
    /// The delivery as it stands: what an event does not touch stays.
    init(of delivery: Delivery, at now: Timestamp) {
        self.init(
            state: delivery.state, reason: delivery.reason, dueAt: delivery.dueAt, attemptCount: delivery.attemptCount,
            recordedAttempts: delivery.recordedAttempts, claimCount: delivery.claimCount, flags: delivery.flags,
            confirmation: delivery.confirmation, providerMessageID: delivery.providerMessageID, lastError: delivery.lastError,
            settledAt: delivery.settledAt, updatedAt: now)
    }

    mutating func settle(_ state: DeliveryState, _ reason: Reason?) {
        self.state = state
        self.reason = reason
        settledAt = updatedAt
        switch state {
        case .succeeded, .cancelled: fallback = .cancel
        case .failed, .suppressed: fallback = .activate
        case .pending, .unknown: fallback = .none
        }
    }
}

extension Delivery {
    /// The delivery after a change, as the store will have it.
    public mutating func apply(_ change: DeliveryChange) {
        state = change.state
        reason = change.reason
        dueAt = change.dueAt
        attemptCount = change.attemptCount
        recordedAttempts = change.recordedAttempts
        claimCount = change.claimCount
        flags = change.flags
        confirmation = change.confirmation
        providerMessageID = change.providerMessageID
        lastError = change.lastError
        settledAt = change.settledAt
        updatedAt = change.updatedAt
        if let maxAttempts = change.maxAttempts { self.maxAttempts = maxAttempts }
        if let deadline = change.deadline { self.deadline = deadline }
        lease = nil
        revision += 1
    }
}

extension Attempt {
    fileprivate mutating func record(_ outcome: AttemptOutcome, _ failure: DeliveryFailure, counted: Bool = true) {
        self.outcome = outcome
        self.failure = failure
        self.counted = counted
    }
}
