import AdapterKit
import GatewayModel

/// A store under test, with the words in which the cases speak of it.
struct StoreTrial: Sendable {
    var store: any GatewayStore
    let harness: StoreHarness
    /// The moment at which every case begins.
    let start = Timestamp(year: 2026, month: 3, day: 1, hour: 9)

    func at(_ seconds: Int64) -> Timestamp { start + .seconds(seconds) }
    /// The same hour some days later: far enough away for stores that keep history by days.
    func day(_ days: Int64) -> Timestamp { at(days * 86_400) }

    /// Accepts one message and answers its deliveries.
    @discardableResult
    func accept(_ message: NewMessage) async throws -> [Delivery] {
        guard case .created(let deliveries) = try await store.accept([message]).first else {
            throw ConformanceFailure(message: "a new message is created", file: #fileID, line: #line)
        }
        return deliveries
    }

    /// Accepts a message with one delivery.
    @discardableResult
    func accept(_ delivery: NewDelivery, for organization: OrganizationID = .first) async throws -> Delivery {
        try require(try await accept(message(of: [delivery], for: organization)).first, "a message has its delivery")
    }

    func message(of deliveries: [NewDelivery], for organization: OrganizationID = .first, key: String? = nil, hash: [UInt8] = [1])
        -> NewMessage
    {
        NewMessage(id: .make(), organizationID: organization, idempotencyKey: key, bodyHash: hash, createdAt: start, deliveries: deliveries)
    }

    func mail(_ address: String = "a@example.com", dueAt: Timestamp? = nil, orderingKey: String? = nil) -> NewDelivery {
        NewDelivery(
            id: .make(), endpoint: Endpoint(channel: .email, address: address),
            content: RenderedContent(["subject": "Hello", "text": "World"]), origin: .api, orderingKey: orderingKey, maxAttempts: 5,
            deadline: start + .seconds(86_400), dueAt: dueAt ?? start)
    }

    func claim(
        _ limit: Int = 10, at now: Timestamp? = nil, channel: ChannelName = .email, excluding: Set<OrganizationID> = []
    ) async throws -> Claim {
        let now = now ?? start
        return try await store.claim(
            ClaimRequest(channel: channel, limit: limit, excludedOrganizations: excluding, now: now, leaseUntil: now + .seconds(60)))
    }

    /// Claims and expects exactly one.
    func claimOne(at now: Timestamp? = nil) async throws -> ClaimedDelivery {
        let claimed = try await claim(at: now).deliveries
        try expectEqual(claimed.count, 1, "one delivery is due")
        return claimed[0]
    }

    func read(_ id: DeliveryID) async throws -> Delivery {
        try require(try await store.delivery(id, organizationID: nil), "the delivery is kept")
    }

    /// A crash: what was answered is there afterwards.
    func reopened() async throws -> StoreTrial { StoreTrial(store: try await harness.reopen(store), harness: harness) }
}

extension OrganizationID {
    static let first = OrganizationID(UUIDBits(high: 1, low: 1))
    static let second = OrganizationID(UUIDBits(high: 2, low: 2))
}

extension ClaimedDelivery {
    var reference: LeaseReference { LeaseReference(deliveryID: delivery.id, token: token) }

    func accepted(at now: Timestamp, providerID: String? = nil, fallback: FallbackEffect = .none) -> Settlement {
        var change = delivery.unchanged(at: now)
        change.state = .succeeded
        change.confirmation = .sent
        change.providerMessageID = providerID
        change.settledAt = now
        change.attemptCount += 1
        change.recordedAttempts += 1
        change.claimCount = 0
        change.fallback = fallback
        return settlement(change, .accepted, at: now)
    }

    func failed(at now: Timestamp, fallback: FallbackEffect = .none) -> Settlement {
        var change = delivery.unchanged(at: now)
        change.state = .failed
        change.reason = .rejected
        change.lastError = DeliveryFailure(.recipientInvalid, code: "550 5.1.1", "no such mailbox")
        change.settledAt = now
        change.attemptCount += 1
        change.recordedAttempts += 1
        change.claimCount = 0
        change.fallback = fallback
        return settlement(change, .rejected, at: now)
    }

    func deferred(to later: Timestamp, at now: Timestamp) -> Settlement {
        var change = delivery.unchanged(at: now)
        change.dueAt = later
        change.lastError = DeliveryFailure(.timeout, "no answer")
        change.attemptCount += 1
        change.recordedAttempts += 1
        change.claimCount = 0
        return settlement(change, .deferred, at: now)
    }

    private func settlement(_ change: DeliveryChange, _ outcome: AttemptOutcome, at now: Timestamp) -> Settlement {
        Settlement(
            deliveryID: delivery.id, token: token, change: change,
            attempt: Attempt(
                number: change.recordedAttempts, startedAt: now, endedAt: now, outcome: outcome, counted: true, failure: change.lastError))
    }
}

extension Delivery {
    /// The change that leaves everything as it is.
    func unchanged(at now: Timestamp) -> DeliveryChange {
        DeliveryChange(
            state: state, reason: reason, dueAt: dueAt, attemptCount: attemptCount, recordedAttempts: recordedAttempts,
            claimCount: claimCount, flags: flags, confirmation: confirmation, providerMessageID: providerMessageID, lastError: lastError,
            settledAt: settledAt, updatedAt: now)
    }

    func cancelled(at now: Timestamp) -> DeliveryChange {
        var change = unchanged(at: now)
        change.state = .cancelled
        change.reason = .cancelledByUser
        change.settledAt = now
        return change
    }
}
