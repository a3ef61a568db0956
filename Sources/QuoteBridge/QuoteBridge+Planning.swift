import AdapterKit
import GatewayCore
import GatewayModel
import WorkflowEngine

/// What planning an event needs to know, now or when it is looked at again.
struct PlanningContext {
    var event: QuoteEvent
    var stored: StoredEvent
    var fields: QuoteFields
    var publicToken: String?
    var organization: Organization?
    var files: [Attachment]
}

/// Under which id an event was taken, for whom and when.
struct Acceptance {
    var id: EventID
    var organizationID: OrganizationID
    var apiKeyID: APIKeyID?
    var at: Timestamp
}

extension QuoteBridge {
    /// Everything that an event changes, and the token its quote is found by.
    ///
    /// - Parameter requiresAll: whether to refuse an event of a quote of which too little is known.
    func decide(
        _ event: QuoteEvent, _ acceptance: Acceptance, before: Quote?, requiresAll: Bool,
        _ plan: (PlanningContext) async throws(BridgeError) -> (Plan, isPlanned: Bool)
    ) async throws(BridgeError) -> (EventCommit, token: String?) {
        let (organizationID, now) = (acceptance.organizationID, acceptance.at)
        let fields = QuoteFields(event.fields, over: before?.fields ?? (requiresAll ? Self.assumed(of: event) : nil))
        let leadID = event.leadID ?? before?.leadID
        if requiresAll, event.trigger == DecisionTable.quoteSent { try requireKnown(event, fields, leadID) }
        let token = try token(event, before)
        let organization = try await stored { () throws(StoreError) in try await store.organization(organizationID) }
        let files = try await files(event, before)
        let stored = StoredEvent(
            id: acceptance.id, organizationID: organizationID, trigger: event.trigger, quoteID: event.quoteID, leadID: leadID,
            payload: event.payload, bodyHash: event.bodyHash, apiKeyID: acceptance.apiKeyID, acceptedAt: now)
        let context = PlanningContext(
            event: event, stored: stored, fields: fields, publicToken: token, organization: organization, files: files)
        let (plan, isPlanned) = try await plan(context)
        var commit = EventCommit(event: stored, decisions: plan.decisions, messages: plan.messages)
        commit.event.isPlanned = isPlanned
        if event.isAboutQuote, let quoteID = event.quoteID {
            commit.quote = try quote(quoteID, event, before: before, fields: fields, token: token, stored: stored)
            commit.activities = [activity(event, quoteID, fields, organizationID: organizationID, at: now)]
            if !event.attachments.isEmpty { commit.quoteFiles = event.attachments.map { QuoteFile(quoteID: quoteID, attachment: $0) } }
            if event.closes { commit.supersedes = Supersession(quoteID: quoteID, at: now) }
        }
        if let leadID {
            let facts = fields.facts
            commit.lead = Lead(id: leadID, source: facts.source, serviceType: facts.serviceType, pipelineStage: facts.pipelineStage)
        }
        return (commit, token)
    }

    /// A quote that was answered and never seen is called by its id where nothing says its number.
    private static func assumed(of event: QuoteEvent) -> JSONValue? {
        guard event.closes, let quoteID = event.quoteID else { return nil }
        return ["quoteNumber": .string(quoteID.text)]
    }

    /// What was left out because the gateway should know it, and does not.
    private func requireKnown(_ event: QuoteEvent, _ fields: QuoteFields, _ leadID: LeadID?) throws(BridgeError) {
        let missing = ["quoteNumber": fields.text("quoteNumber") == nil, "leadId": leadID == nil].filter(\.value).keys.sorted()
        guard missing.isEmpty else {
            throw .invalid(
                Faults(
                    missing.map { Fault(event.path.isEmpty ? $0 : "\(event.path).\($0)", "is required: nothing is known of the quote yet") }
                ))
        }
    }

    /// Resolves, plans and asks the gate. When the rules cannot be read although the store answers, the event waits with its decisions open.
    func plan(_ context: PlanningContext, now: Timestamp) async throws(BridgeError) -> (Plan, isPlanned: Bool) {
        let stored = context.stored
        let set: WorkflowSet
        var override: LeadOverride?
        var lead: Lead?
        do {
            set = try await store.workflowSet(stored.organizationID)
            if let leadID = stored.leadID {
                override = try await store.override(leadID, organizationID: stored.organizationID)
                lead = try await store.lead(leadID, organizationID: stored.organizationID)
            }
        } catch {
            guard error.isAboutWhatIsRead else { throw .store(error) }
            return (Plan(decisions: stored.decisions(.deferred, .resolverFailed)), false)
        }
        let facts = context.fields.facts.completed(by: lead)
        let plan = planner.plan(
            input(context, facts, Resolver.resolve(facts, override: override, in: set), workflowVersion: set.version, now: now))
        return (try await passGate(plan), true)
    }

    func passGate(_ plan: Plan) async throws(BridgeError) -> Plan {
        let messages = plan.messages
        let gated = try await self.stored { () throws(StoreError) in try await intake.passGate(messages) }
        return plan.passing(gated)
    }

    func input(
        _ context: PlanningContext, _ facts: LeadFacts, _ resolution: Resolution, workflowVersion: Int64, now: Timestamp
    ) -> PlanningInput {
        let stored = context.stored
        let language = Language(locale: context.fields.text("locale") ?? context.organization?.locale ?? configuration.locale)
        return PlanningInput(
            eventID: stored.id, organizationID: stored.organizationID, trigger: stored.trigger, quoteID: stored.quoteID,
            leadID: stored.leadID, apiKeyID: stored.apiKeyID, facts: facts, resolution: resolution, workflowVersion: workflowVersion,
            variables: context.fields.variables(
                quoteID: stored.quoteID, leadID: stored.leadID, publicToken: context.publicToken, organization: context.organization,
                configuration: configuration),
            language: language, lead: context.fields.lead, partner: context.fields.agent, agent: context.fields.agent,
            isOptedIn: context.fields.isOptedIn, attachments: context.files,
            legacy: configuration.isLegacyEnabled
                ? LegacyPath.mails(
                    trigger: stored.trigger, files: context.files, number: context.fields.text("quoteNumber"), language: language)
                : [:],
            now: now)
    }

    /// Looks again at events whose decisions stand open; answers whether any still do.
    ///
    /// - Parameter page: How many events are read at once.
    public func planDeferred(page: Int = 100) async throws(BridgeError) -> Bool {
        var isOpen = false
        var held: Set<EventID> = []
        var events: [StoredEvent] = []
        repeat {
            let last = events.last
            events = try await stored { () throws(StoreError) in try await store.unplannedEvents(after: last, limit: page) }
            for event in events {
                do throws(BridgeError) {
                    if try await !planAgain(event) { isOpen = true }
                } catch {
                    // What is amiss with one quote or organization keeps its own events waiting and nobody else's.
                    guard case .store(let fault) = error, fault.isAboutWhatIsRead else { throw error }
                    isOpen = true
                    held.insert(event.id)
                    if !heldUp.contains(event.id) { observer.observe(.eventHeldUp(event.id, event.organizationID, fault)) }
                }
            }
        } while events.count == page
        heldUp.replace(with: held)
        return isOpen
    }

    /// Whether the event stands open no more.
    private func planAgain(_ event: StoredEvent) async throws(BridgeError) -> Bool {
        guard let json = try? JSONValue(parsing: event.payload),
            let body = try? QuoteEvent(json, trigger: event.trigger, quoteID: event.quoteID, leavesOut: true)
        else {
            try await close(event)
            return true
        }
        let quote = try await quote(body, event.organizationID)
        let organization = try await stored { () throws(StoreError) in try await store.organization(event.organizationID) }
        let context = PlanningContext(
            event: body, stored: event, fields: QuoteFields(body.fields, over: quote?.fields), publicToken: quote.flatMap(publicToken),
            organization: organization, files: try await files(body, quote))
        let (whole, isPlanned) = try await plan(context, now: clock.now)
        guard isPlanned else { return false }
        // Some of it may have been decided before it came here.
        let known = try await stored { () throws(StoreError) in try await store.event(event.id, organizationID: event.organizationID) }
        let plan = whole.leaving(known?.1 ?? [])
        let retry = PlannedRetry(
            eventID: event.id, organizationID: event.organizationID, decisions: plan.decisions, messages: plan.messages, isPlanned: true)
        if try await stored({ () throws(StoreError) in try await store.plan(retry) }) {
            intake.announce(plan.messages.flatMap(\.accepted))
        }
        return true
    }

    /// Ends the waiting of an event that cannot be read any more: nothing will ever be known of it that could be sent.
    private func close(_ event: StoredEvent) async throws(BridgeError) {
        let retry = PlannedRetry(
            eventID: event.id, organizationID: event.organizationID, decisions: event.decisions(.none, .undecodable), messages: [],
            isPlanned: true)
        if try await stored({ () throws(StoreError) in try await store.plan(retry) }) {
            observer.observe(.eventUndecodable(event.id, event.organizationID))
        }
    }
}

extension StoreError {
    /// The store answers, and cannot read or do just this.
    fileprivate var isAboutWhatIsRead: Bool {
        switch self {
        case .corrupt, .driver: true
        case .unavailable, .outcomeUnknown, .full, .schema: false
        }
    }
}

extension StoredEvent {
    /// The same answer for all that an event is decided for.
    func decisions(_ outcome: DecisionOutcome, _ reason: Reason) -> [Decision] {
        let rows = DecisionTable.rows(of: trigger)
        let places: [(ChannelName?, Audience?)] = rows.isEmpty ? [(nil, nil)] : rows.map { ($0.channel, $0.audience) }
        return places.map { channel, audience in
            Decision(
                id: .make(), eventID: id, organizationID: organizationID, trigger: trigger, channel: channel, audience: audience,
                outcome: outcome, reason: reason, createdAt: acceptedAt)
        }
    }
}

extension Plan {
    /// The plan without what was decided before: where some decisions of a channel and audience stand, only those that were put off are taken.
    func leaving(_ decided: [Decision]) -> Plan {
        let standing = decided.filter { $0.outcome != .deferred }
        let open = decided.filter { $0.outcome == .deferred }
        if standing.isEmpty { return self }
        let kept = decisions.filter { decision in
            !standing.contains { $0.isBeside(decision) } || open.contains { $0.isBeside(decision) && $0.stepID == decision.stepID }
        }
        let ids = Set(kept.flatMap(\.deliveryIDs))
        return Plan(decisions: kept, messages: messages.filter { $0.deliveries.contains { ids.contains($0.id) } })
    }
}

extension Decision {
    /// On the same channel and for the same audience.
    func isBeside(_ other: Decision) -> Bool { channel == other.channel && audience == other.audience }
}
