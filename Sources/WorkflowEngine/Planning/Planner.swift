import AdapterKit
public import GatewayCore
public import GatewayModel

/// Turns an event into decisions and messages: each enabled step, each row of the decision table that no step covers, and the legacy mails.
public struct Planner: Sendable {
    private let factory: DeliveryFactory

    public init(factory: DeliveryFactory) { self.factory = factory }

    public func plan(_ input: PlanningInput) -> Plan {
        var planning = Planning(input: input, factory: factory)
        planning.decide()
        return planning.plan
    }
}

/// One channel and audience of a trigger.
private struct Place: Hashable {
    var channel: ChannelName
    var audience: Audience
}

private struct Planning {
    let input: PlanningInput
    let factory: DeliveryFactory
    var plan = Plan()

    mutating func decide() {
        let rows = DecisionTable.rows(of: input.trigger)
        let steps = (input.resolution.workflow?.steps ?? []).filter { $0.trigger == input.trigger }
            .sorted { ($0.stepOrder, $0.id) < ($1.stepOrder, $1.id) }
        if input.resolution.source == .manualClear {
            for row in rows { record(Place(channel: row.channel, audience: row.audience), .suppressed, .workflowCleared) }
            if rows.isEmpty { record(nil, .suppressed, .workflowCleared) }
            return
        }
        for row in rows {
            let place = Place(channel: row.channel, audience: row.audience)
            decide(place, row: row, steps: steps.filter { $0.channel == row.channel && $0.audience == row.audience })
        }
        let covered = Set(rows.map { Place(channel: $0.channel, audience: $0.audience) })
        var seen = covered
        for step in steps {
            let place = Place(channel: step.channel, audience: step.audience)
            guard seen.insert(place).inserted else { continue }
            decide(place, row: nil, steps: steps.filter { $0.channel == step.channel && $0.audience == step.audience })
        }
        if plan.decisions.isEmpty { record(nil, .none, .ruleNotFound) }
    }

    private mutating func decide(_ place: Place, row: DecisionRow?, steps: [Step]) {
        if steps.isEmpty {
            sendLegacy(row, place, reason: .ruleNotFound)
        } else if steps.allSatisfy({ !$0.enabled }) {
            record(place, .suppressed, .ruleDisabled)
        } else {
            var legacyTaken = false
            for step in steps where step.enabled {
                if plan(step, place) { continue }
                // A text that cannot be rendered gives way to the legacy mail, once.
                if legacyTaken {
                    record(place, .none, .renderFailed, step: step)
                } else {
                    sendLegacy(row, place, reason: .renderFailed, step: step)
                }
                legacyTaken = true
            }
        }
    }

    /// Plans one step; `false` when its text cannot be rendered.
    private mutating func plan(_ step: Step, _ place: Place) -> Bool {
        guard let channel = factory.channels[step.channel] else {
            record(place, .none, .channelNotConfigured, step: step)
            return true
        }
        let kind = channel.descriptor.addressKind
        let named = Recipients.normalize(addresses(of: step, kind: kind))
        guard !named.isEmpty else {
            record(place, .none, missing(kind), step: step)
            return true
        }
        // It is the lead who opted out, by whatever step the lead is reached; nobody else did.
        let recipients = kind == .phone && !input.isOptedIn ? named.filter { !isLeads($0, on: channel) } : named
        guard !recipients.isEmpty else {
            record(place, .suppressed, .optedOut, step: step)
            return true
        }
        let attachments = step.audience == .lead && channel.descriptor.contentForm == .mail ? input.attachments : []
        let subject =
            step.templateSubject ?? DefaultWorkflow.subject(of: input.trigger, audience: step.audience.rawValue, in: input.language)
        let templates = ContentTemplates(
            form: channel.descriptor.contentForm, subject: subject, body: step.templateBody, chatTemplate: step.whatsappTemplate,
            dataType: input.trigger)
        switch ContentRenderer.render(templates, with: input.variables, attachments: attachments) {
        case .failed: return false
        case .empty:
            record(place, .suppressed, .emptyContent, step: step)
            return true
        case .content(let content):
            return send(
                content, to: recipients, on: channel, place: place, origin: .workflow, outcome: .enqueued, reason: .ruleEnabled, step: step)
        }
    }

    private mutating func sendLegacy(_ row: DecisionRow?, _ place: Place, reason: Reason, step: Step? = nil) {
        guard let row, let mail = input.legacy[row] else { return record(place, .none, reason, step: step) }
        guard let channel = factory.channels[row.channel] else { return record(place, .none, .channelNotConfigured, step: step) }
        let contact = row.audience == .lead ? input.lead : input.partner
        let recipients = Recipients.normalize([contact.email ?? ""])
        guard !recipients.isEmpty else { return record(place, .none, .missingEmail, step: step) }
        switch ContentRenderer.render(mail.templates, with: input.variables, attachments: mail.attachments) {
        case .failed: record(place, .none, .renderFailed, step: step)
        case .empty: record(place, .suppressed, .emptyContent, step: step)
        case .content(let content):
            if !send(content, to: recipients, on: channel, place: place, origin: .legacy, outcome: .legacy, reason: reason, step: step) {
                record(place, .none, .renderFailed, step: step)
            }
        }
    }

    /// Makes a message for each recipient; `false` when the channel cannot carry the content.
    private mutating func send(
        _ content: RenderedContent, to recipients: [String], on channel: Channel, place: Place, origin: DeliveryOrigin,
        outcome: DecisionOutcome, reason: Reason, step: Step?
    ) -> Bool {
        guard let json = try? content.json() else { return false }
        let dueAt = input.now + .seconds(60 * Int64(step.map { origin == .workflow ? $0.delayMinutes : 0 } ?? 0))
        var endpoints: Set<Endpoint> = []
        var messages: [NewMessage] = []
        for recipient in recipients {
            guard let endpoint = try? channel.endpoint(from: recipient) else { continue }
            guard endpoints.insert(endpoint).inserted else { continue }
            let checked: (Channel, Endpoint, RenderedContent)
            do { checked = try factory.check(channel: channel.name, to: recipient, content: json, path: "", acceptedAt: input.now) } catch {
                // A recipient that may not be reached keeps the others from nothing; content that cannot be carried is everybody's.
                if error.list.allSatisfy({ $0.path == "to" }) { continue }
                return false
            }
            let delivery = NewDelivery(
                id: .make(), endpoint: endpoint, content: checked.2, origin: origin, audience: place.audience, trigger: input.trigger,
                eventID: input.eventID, quoteID: input.quoteID, leadID: input.leadID, stepID: step?.id,
                orderingKey: step?.orderPerQuote == true ? input.quoteID.map { "quote:\($0)" } : nil,
                isDelayedStep: dueAt > input.now, maxAttempts: channel.policy.retry.maxAttempts,
                deadline: factory.deadline(channel, dueAt: dueAt, expiresAt: nil), dueAt: dueAt)
            messages.append(
                NewMessage(
                    id: .make(), organizationID: input.organizationID, apiKeyID: input.apiKeyID, createdAt: input.now,
                    deliveries: [delivery]))
        }
        plan.messages += messages
        if messages.isEmpty {
            record(place, .none, .invalidAddress, step: step)
        } else {
            record(place, outcome, reason, step: step, deliveries: messages.flatMap(\.deliveries).map(\.id))
        }
        return true
    }

    // MARK: Recipients

    private func addresses(of step: Step, kind: AddressKind) -> [String] {
        var addresses: [String?] = []
        if let config = step.recipients {
            if config.includeLeadContact { addresses.append(input.lead.address(kind)) }
            if config.includePartner { addresses.append(input.partner.address(kind)) }
            if config.includeAssignedAgent { addresses.append(input.agent.address(kind)) }
            switch kind {
            case .email: addresses += config.customEmails
            case .phone: addresses += config.customPhones
            case .url: addresses += config.customEndpoints
            }
        } else {
            switch step.audience {
            case .lead: addresses.append(input.lead.address(kind))
            case .partner: addresses.append(input.partner.address(kind))
            case .agent: addresses.append(input.agent.address(kind))
            case .internal, .custom: break
            }
        }
        return addresses.compactMap { $0 }
    }

    /// Whether the lead is reached at an address, however it is written.
    private func isLeads(_ address: String, on channel: Channel) -> Bool {
        guard let own = input.lead.address(channel.descriptor.addressKind) else { return false }
        if Recipients.normalize([own]).contains(address) { return true }
        guard let lead = try? channel.endpoint(from: own) else { return false }
        return (try? channel.endpoint(from: address)) == lead
    }

    private func missing(_ kind: AddressKind) -> Reason {
        switch kind {
        case .email: .missingEmail
        case .phone: .missingPhone
        case .url: .missingEndpoint
        }
    }

    // MARK: Recording

    private mutating func record(
        _ place: Place?, _ outcome: DecisionOutcome, _ reason: Reason, step: Step? = nil, deliveries: [DeliveryID] = []
    ) {
        plan.decisions.append(
            Decision(
                id: .make(), eventID: input.eventID, organizationID: input.organizationID, trigger: input.trigger, channel: place?.channel,
                audience: place?.audience, outcome: outcome, reason: reason, workflowID: input.resolution.workflow?.id,
                workflowKey: input.resolution.workflow?.workflowKey, workflowVersion: input.workflowVersion, stepID: step?.id,
                resolutionSource: input.resolution.source, matchedRuleID: input.resolution.matchedRuleID, deliveryIDs: deliveries,
                inputs: inputs, createdAt: input.now))
    }

    /// What was looked at, without anything personal: that there was an address, not which.
    private var inputs: JSONValue {
        var inputs: [String: JSONValue] = [:]
        inputs["leadSource"] = JSONValue(input.facts.source)
        inputs["leadServiceType"] = JSONValue(input.facts.serviceType)
        inputs["pipelineStage"] = JSONValue(input.facts.pipelineStage)
        inputs["hasLeadEmail"] = .bool(!Recipients.normalize([input.lead.email ?? ""]).isEmpty)
        inputs["hasLeadPhone"] = .bool(!Recipients.normalize([input.lead.phone ?? ""]).isEmpty)
        inputs["hasPartnerEmail"] = .bool(!Recipients.normalize([input.partner.email ?? ""]).isEmpty)
        inputs["whatsappOptedIn"] = .bool(input.isOptedIn)
        inputs["overrideMode"] = JSONValue(input.resolution.overrideMode?.rawValue)
        inputs["overrideNote"] = JSONValue(input.resolution.note)
        return .object(inputs)
    }
}

extension Plan {
    /// The plan after the gate was asked: decisions whose every delivery is suppressed say so.
    public func passing(_ gated: [NewMessage]) -> Plan {
        let suppressed = Dictionary(
            gated.flatMap(\.deliveries).compactMap { delivery in delivery.suppressed.map { (delivery.id, $0) } },
            uniquingKeysWith: { first, _ in first })
        var plan = Plan(decisions: decisions, messages: gated)
        for index in plan.decisions.indices where !plan.decisions[index].deliveryIDs.isEmpty {
            let reasons = plan.decisions[index].deliveryIDs.compactMap { suppressed[$0] }
            guard reasons.count == plan.decisions[index].deliveryIDs.count, let reason = reasons.first else { continue }
            plan.decisions[index].outcome = .suppressed
            plan.decisions[index].reason = reason
        }
        return plan
    }
}
