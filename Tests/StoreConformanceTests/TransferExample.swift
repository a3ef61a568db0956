import AdapterKit
import GatewayModel
import GatewayTestKit

/// A store with rows of every kind, made by what the gateway itself does.
struct TransferExample {
    let store: any GatewayStore
    var dice: Dice
    let organizations = [1, 2, 3].map { Given.organization($0) }

    init(_ store: any GatewayStore, seed: UInt64) {
        self.store = store
        dice = Dice(seed: seed)
    }

    mutating func fill() async throws {
        for (index, organization) in organizations.enumerated() {
            try await fillRules(organization, hash: UInt8(index))
            try await fillQuotes(organization, token: UInt8(index))
            try await fillDeliveries(organization)
        }
        try await store.createKey(
            APIKey(id: .make(), name: "ops", role: .operator, tokenHash: [9, 9], createdAt: Given.start),
            audit: AuditEntry(id: .make(), at: Given.start, actor: "cli", action: "keys.create", subject: "key"))
        try await tryEverything()
        try await report()
    }

    // MARK: Rules

    private func fillRules(_ organization: OrganizationID, hash: UInt8) async throws {
        let now = Given.start
        let workflows = (0..<3).map { number in
            Workflow(
                id: .make(), workflowKey: "w\(number)", name: "Werk \(number)", description: "één", enabled: number != 1,
                quoteValidDaysOverride: 14, quotePaymentDaysOverride: 30,
                steps: (0..<2).map { position in
                    Step(
                        id: .make(), trigger: "quote_sent", channel: .email, audience: .partner, stepOrder: position + 1,
                        delayMinutes: position * 60, enabled: position == 0,
                        recipients: RecipientConfig(includePartner: true, customEmails: ["a@b.example"]), templateSubject: "Onderwerp",
                        templateBody: "Beste {{lead.name}}\"x\"\n", whatsappTemplate: ["name": "n", "language": "nl"],
                        orderPerQuote: position == 1, stopOnReply: position == 1)
                }, createdAt: now, updatedAt: now + .seconds(1))
        }
        let rule = AssignmentRule(
            id: .make(), workflowID: workflows[0].id, name: "r", enabled: false, priority: 7, leadSource: "web", leadServiceType: "dak",
            pipelineStage: "nieuw", createdAt: now, updatedAt: now)
        let audit = AuditEntry(
            id: .make(), at: now, organizationID: organization, actor: "cli", action: "organizations.create", subject: "organization",
            before: ["a": 1], after: ["b": [true, nil]])
        _ = try await store.createOrganization(
            Organization(id: organization, name: "Dak & Zn. ☂", locale: "nl-NL", createdAt: now),
            seed: WorkflowSeed(workflows: workflows, rules: [rule]), audit: audit)
        let key = APIKey(
            id: .make(), organizationID: organization, name: "k", role: .quotes, tokenHash: [1, hash], createdAt: now)
        try await store.createKey(key, audit: nil)
        _ = try await store.revokeKey(key.id, at: Given.at(5), audit: nil)
        if let lead = LeadID("l-1") {
            try await store.setLead(
                Lead(id: lead, source: "web", serviceType: "dak", pipelineStage: "nieuw"), organizationID: organization, audit: nil)
            try await store.setOverride(
                LeadOverride(leadID: lead, workflowID: workflows[2].id, mode: .manualLock, reason: "zo", createdAt: now, updatedAt: now),
                organizationID: organization, audit: nil)
        }
        for scope in [SuppressionScope.organization, .category(.marketing)] {
            _ = try await store.suppress(
                Suppression(
                    id: .make(), organizationID: organization, endpoint: Endpoint(channel: .email, address: "weg@b.example"), scope: scope,
                    reason: .hardBounce, evidence: "550 5.1.1", actor: "system", createdAt: now, expiresAt: Given.day(90)), audit: nil)
        }
    }

    // MARK: Quotes

    private mutating func fillQuotes(_ organization: OrganizationID, token: UInt8) async throws {
        for number in 0..<6 {
            guard let id = QuoteID("q-\(number)"), let lead = LeadID("l-\(number)") else { continue }
            let at = Given.at(Int64(number) * 86_400 * 7 - 86_400 * 28) + .microseconds(number)
            let isPlanned = number % 3 != 0
            var event = StoredEvent(
                id: .make(), organizationID: organization, trigger: "quote_sent", quoteID: id, leadID: lead,
                payload: Array(#"{"a":1}"#.utf8),
                bodyHash: [UInt8](repeating: token, count: 32), apiKeyID: .make(), acceptedAt: at)
            event.isPlanned = isPlanned
            var messages: [NewMessage] = []
            var decisions: [Decision] = []
            for step in 0..<3 {
                var delivery = Given.delivery(
                    dueAt: at + .seconds(Int64(dice.number(0...2)) * 86_400 * 7), orderingKey: step > 0 ? "quote:\(id)" : nil)
                delivery.eventID = event.id
                delivery.quoteID = id
                delivery.leadID = lead
                delivery.stepID = .make()
                delivery.trigger = "quote_sent"
                delivery.audience = .lead
                delivery.origin = .workflow
                delivery.isDelayedStep = step == 2
                delivery.expiresAt = at + .seconds(86_400 * 300)
                delivery.suppressed = step == 0 && number == 5 ? .addressSuppressed : nil
                messages.append(
                    NewMessage(
                        id: .make(), organizationID: organization, idempotencyKey: "e\(number)s\(step)", bodyHash: [UInt8(step)],
                        category: step == 1 ? .marketing : .transactional, apiKeyID: event.apiKeyID, metadata: ["n": .int(Int64(number))],
                        createdAt: at, deliveries: [delivery]))
                decisions.append(
                    Decision(
                        id: .make(), eventID: event.id, organizationID: organization, trigger: "quote_sent", channel: .email,
                        audience: .lead,
                        outcome: isPlanned || step > 0 ? .enqueued : .deferred, reason: .ruleEnabled, workflowID: .make(), workflowKey: "w",
                        workflowVersion: 3, stepID: delivery.stepID, resolutionSource: .autoRule, matchedRuleID: .make(),
                        deliveryIDs: [delivery.id], inputs: ["x": "y"], createdAt: at))
            }
            let quote = Quote(
                id: id, organizationID: organization, state: [.sent, .accepted, .rejected][number % 3], number: "2026-\(number)",
                leadID: lead,
                tokenHash: number == 4 ? nil : [token, UInt8(number)], sealedToken: [0, 255, UInt8(number)], totalCents: 125_001,
                validUntil: at + .seconds(9), fields: ["consumerName": "Jan"], sentAt: at, viewedAt: at, acceptedAt: at, rejectedAt: at,
                sentApiKeyID: event.apiKeyID, createdAt: at, updatedAt: at)
            let activities = (0..<3).map { part in
                Activity(
                    id: .make(), organizationID: organization, quoteID: id, eventType: "quote_sent", message: "Verstuurd \(part)",
                    metadata: ["p": .int(Int64(part))], createdAt: at)
            }
            let file = QuoteFile(
                quoteID: id, attachment: Attachment(filename: "o.pdf", contentType: "application/pdf", bytes: (0...255).map { $0 }))
            _ = try await store.commit(
                EventCommit(
                    event: event, decisions: decisions, messages: messages, quote: quote, quoteFiles: [file], activities: activities,
                    lead: Lead(id: lead, source: "web")))
        }
    }

    // MARK: Deliveries

    private mutating func fillDeliveries(_ organization: OrganizationID) async throws {
        var messages: [NewMessage] = []
        for number in 0..<30 {
            let created = Given.at(-Int64(dice.number(0...3)) * 86_400 * 7)
            let due = created + .seconds(Int64(dice.number(0...3)) * 86_400 * 7)
            let key = number % 3 == 0 ? "k\(number % 2)" : nil
            let first = Given.delivery(
                dueAt: due, orderingKey: key, channel: number % 4 == 0 ? .whatsapp : .email, bytes: dice.number(0...4999))
            var standing = Given.delivery(dueAt: .distantFuture)
            standing.fallbackOf = first.id
            var timed = Given.delivery(dueAt: due + .seconds(3600))
            timed.fallbackOf = standing.id
            messages.append(
                Given.message(
                    number % 2 == 0 ? [first] : [first, standing, timed], of: organization, key: number % 5 == 0 ? nil : "m\(number)",
                    createdAt: created))
        }
        // Accepted in one moment, under one key: they go in this order.
        messages += (0..<12).map { _ in Given.message([Given.delivery(orderingKey: "lane")], of: organization) }
        _ = try await store.accept(messages)
    }

    /// Lets some succeed, some fail, some be lost, some be tried again, and leaves some under a lease.
    private mutating func tryEverything() async throws {
        for round in 0..<4 {
            let now = Given.at(Int64(round) * 60)
            for channel in [ChannelName.email, .whatsapp] {
                let claimed = try await store.claim(Given.claim(40, at: now, channel: channel)).deliveries
                var settlements: [Settlement] = []
                for (number, one) in claimed.enumerated() {
                    let choice = dice.number(0...5)
                    if round == 3, number == 0 || choice == 0 {
                        // What a node held that died: half of it was being sent.
                        if number.isMultiple(of: 2) { _ = try await store.markTransmitting([one.reference], at: now) }
                        continue
                    }
                    settlements.append(ending(of: one, choice, at: now))
                }
                _ = try await store.settle(settlements)
            }
        }
    }

    private func ending(of one: ClaimedDelivery, _ choice: Int, at now: Timestamp) -> Settlement {
        var settlement =
            choice == 5 ? one.deferred(to: now + .seconds(600), at: now) : one.succeeded(at: now, providerID: "p-\(one.delivery.id)")
        settlement.change.fallback = .none
        switch choice {
        case 1:
            settlement.change.state = .failed
            settlement.change.reason = .rejected
            settlement.change.lastError = DeliveryFailure(.recipientInvalid, code: "550 5.1.1", "no such mailbox")
            settlement.change.fallback = .activate
        case 2:
            settlement.change.state = .unknown
            settlement.change.reason = .answerLost
            settlement.change.flags = [.possibleDuplicate]
        case 3: settlement.change.fallback = .cancel
        default: break
        }
        settlement.change.confirmation = choice == 4 ? .read : nil
        settlement.attempt?.failure = settlement.change.lastError
        settlement.attempt?.code = "250 2.0.0"
        settlement.attempt?.providerMessageID = settlement.change.providerMessageID
        return settlement
    }

    /// News of what is known, of what is not yet, and over an organization's own account.
    private func report() async throws {
        let known = try await store.deliveries(DeliveryQuery(status: .succeeded, now: Given.start, limit: 20)).elements
        for (number, delivery) in known.enumerated() {
            var news = DeliveryReport(
                providerMessageID: delivery.providerMessageID, kind: .bounced, at: Given.at(Int64(number)),
                failure: DeliveryFailure(.recipientInvalid, code: "5.1.1", "weg"), rejectedPart: .optedOut(.marketing))
            if number % 2 == 0 { news.deliveryID = delivery.id }
            let own = number % 3 == 0 ? delivery.organizationID : nil
            _ = try await store.record(
                StoredReport(
                    id: .make(), organizationID: own, channel: delivery.endpoint.channel, report: news, receivedAt: Given.at(100),
                    deliveryID: number % 4 == 3 ? nil : delivery.id))
        }
        for number in 0..<3 {
            let news = DeliveryReport(providerMessageID: "later-\(number)", kind: .delivered, at: Given.at(1))
            _ = try await store.record(StoredReport(id: .make(), channel: .email, report: news, receivedAt: Given.at(100)))
        }
    }
}
