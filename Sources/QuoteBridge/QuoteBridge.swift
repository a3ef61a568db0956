public import AdapterKit
public import GatewayCore
public import GatewayModel
import Signing
public import WorkflowEngine

/// Takes in what happens to quotes: once per event, decided by the organization's workflows, written with everything it changes at once.
public struct QuoteBridge: Sendable {
    public typealias Store = QuoteStore & WorkflowStore & OrganizationStore

    private let store: any Store
    private let intake: MessageIntake
    private let planner: Planner
    private let sealer: any Sealer
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    private let configuration: BridgeConfiguration
    public let feed: ActivityFeed

    public init(
        store: any Store, intake: MessageIntake, planner: Planner, sealer: any Sealer, configuration: BridgeConfiguration, feed: ActivityFeed,
        clock: any WallClock, observer: any DeliveryObserver
    ) {
        self.store = store
        self.intake = intake
        self.planner = planner
        self.sealer = sealer
        self.configuration = configuration
        self.feed = feed
        self.clock = clock
        self.observer = observer
    }

    /// Takes in one event of an organization.
    public func publish(
        _ event: QuoteEvent, organizationID: OrganizationID, apiKeyID: APIKeyID? = nil
    ) async throws(BridgeError) -> PublishAnswer {
        do {
            let answer = try await publishCounted(event, organizationID: organizationID, apiKeyID: apiKeyID)
            count(event.trigger, answer.isDuplicate ? "duplicate" : "ok")
            return answer
        } catch {
            if case .store = error { count(event.trigger, "failed") } else { count(event.trigger, "refused") }
            throw error
        }
    }

    private func publishCounted(
        _ event: QuoteEvent, organizationID: OrganizationID, apiKeyID: APIKeyID?
    ) async throws(BridgeError) -> PublishAnswer {
        let id = event.id(in: organizationID)
        let hash = SHA256.digest(event.payload)
        // Another event of the quote may come in between reading and writing: then it is read and decided anew.
        for _ in 0..<Self.mostRounds {
            if let known = try await stored({ () throws(StoreError) in try await store.event(id, organizationID: organizationID) }) {
                guard known.0.bodyHash == hash else { throw .idempotencyConflict }
                return try await answer(known.0, known.1, isDuplicate: true)
            }
            let before = try await quote(event, organizationID)
            if let state = before?.state, state.isClosed, event.closes { throw .alreadyClosed(state) }
            let (commit, token) = try await decide(event, id: id, hash: hash, before: before, organizationID: organizationID, apiKeyID: apiKeyID)
            switch try await stored({ () throws(StoreError) in try await store.commit(commit) }) {
            case .committed:
                intake.announce(commit.messages.flatMap(\.accepted))
                feed.publish(commit.activities)
                return PublishAnswer(
                    eventID: id, quoteID: event.quoteID, trigger: event.trigger, isDuplicate: false, publicToken: token, decisions: commit.decisions)
            case .duplicate(let event, let decisions): return try await answer(event, decisions, isDuplicate: true)
            case .bodyConflict: throw .idempotencyConflict
            case .tokenConflict: throw .tokenConflict
            case .quoteChanged: continue
            }
        }
        throw .store(.unavailable)
    }

    private static let mostRounds = 50

    private func quote(_ event: QuoteEvent, _ organizationID: OrganizationID) async throws(BridgeError) -> Quote? {
        guard event.isAboutQuote, let quoteID = event.quoteID else { return nil }
        return try await stored { () throws(StoreError) in try await store.quote(quoteID, organizationID: organizationID) }
    }

    private func answer(_ event: StoredEvent, _ decisions: [Decision], isDuplicate: Bool) async throws(BridgeError) -> PublishAnswer {
        var token: String?
        if let quoteID = event.quoteID, !DecisionTable.rows(of: event.trigger).isEmpty {
            let quote = try await stored { () throws(StoreError) in try await store.quote(quoteID, organizationID: event.organizationID) }
            token = quote.flatMap(publicToken)
        }
        return PublishAnswer(
            eventID: event.id, quoteID: event.quoteID, trigger: event.trigger, isDuplicate: isDuplicate, publicToken: token, decisions: decisions)
    }

    /// The quote's public token, opened; nil when it has none or it can no longer be opened.
    private func publicToken(_ quote: Quote) -> String? {
        guard let sealed = quote.sealedToken, let bytes = try? sealer.open(sealed, for: Self.sealContext(quote.organizationID, quote.id)) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func sealContext(_ organizationID: OrganizationID, _ quoteID: QuoteID) -> String { "quote-token:\(organizationID):\(quoteID)" }

    // MARK: Deciding

    private func decide(
        _ event: QuoteEvent, id: EventID, hash: [UInt8], before: Quote?, organizationID: OrganizationID, apiKeyID: APIKeyID?
    ) async throws(BridgeError) -> (EventCommit, token: String?) {
        let now = clock.now
        let fields = QuoteFields(event.fields, over: before?.fields)
        let leadID = event.leadID ?? before?.leadID
        let token = try token(event, before)
        let organization = try await stored { () throws(StoreError) in try await store.organization(organizationID) }
        let files = try await files(event, before)
        let stored = StoredEvent(
            id: id, organizationID: organizationID, trigger: event.trigger, quoteID: event.quoteID, leadID: leadID, payload: event.payload,
            bodyHash: hash, apiKeyID: apiKeyID, acceptedAt: now)
        let input = PlanningContext(
            event: event, stored: stored, fields: fields, publicToken: token, organization: organization, files: files)
        let (plan, isPlanned) = try await plan(input, now: now)
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

    /// What planning an event needs to know, now or when it is looked at again.
    private struct PlanningContext {
        var event: QuoteEvent
        var stored: StoredEvent
        var fields: QuoteFields
        var publicToken: String?
        var organization: Organization?
        var files: [Attachment]
    }

    /// Resolves, plans and asks the gate. When the rules cannot be read although the store answers, the event waits with its decisions open.
    private func plan(_ context: PlanningContext, now: Timestamp) async throws(BridgeError) -> (Plan, isPlanned: Bool) {
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
            switch error {
            case .corrupt, .driver: return (Plan(decisions: deferredDecisions(stored)), false)
            case .unavailable, .outcomeUnknown, .full, .schema: throw .store(error)
            }
        }
        let facts = context.fields.facts.completed(by: lead)
        let language = Language(locale: context.fields.text("locale") ?? context.organization?.locale ?? configuration.locale)
        let plan = planner.plan(
            PlanningInput(
                eventID: stored.id, organizationID: stored.organizationID, trigger: stored.trigger, quoteID: stored.quoteID,
                leadID: stored.leadID, apiKeyID: stored.apiKeyID, facts: facts,
                resolution: Resolver.resolve(facts, override: override, in: set), workflowVersion: set.version,
                variables: context.fields.variables(
                    quoteID: stored.quoteID, leadID: stored.leadID, publicToken: context.publicToken, organization: context.organization,
                    configuration: configuration),
                language: language, lead: context.fields.lead, partner: context.fields.agent, agent: context.fields.agent,
                isOptedIn: context.fields.isOptedIn, attachments: context.files,
                legacy: configuration.isLegacyEnabled
                    ? LegacyPath.mails(trigger: stored.trigger, files: context.files, number: context.fields.text("quoteNumber"), language: language)
                    : [:],
                now: now))
        let messages = plan.messages
        let gated = try await self.stored { () throws(StoreError) in try await intake.passGate(messages) }
        return (plan.passing(gated), true)
    }

    private func deferredDecisions(_ event: StoredEvent) -> [Decision] {
        let rows = DecisionTable.rows(of: event.trigger)
        let places: [(ChannelName?, Audience?)] = rows.isEmpty ? [(nil, nil)] : rows.map { ($0.channel, $0.audience) }
        return places.map { channel, audience in
            Decision(
                id: .make(), eventID: event.id, organizationID: event.organizationID, trigger: event.trigger, channel: channel,
                audience: audience, outcome: .deferred, reason: .resolverFailed, createdAt: event.acceptedAt)
        }
    }

    /// Looks again at events whose decisions stand open; answers whether any still do.
    public func planDeferred() async throws(BridgeError) -> Bool {
        var isOpen = false
        for event in try await stored({ () throws(StoreError) in try await store.unplannedEvents(limit: 100) }) {
            guard let json = try? JSONValue(parsing: event.payload), let body = try? QuoteEvent(json, trigger: event.trigger, quoteID: event.quoteID) else {
                continue
            }
            let quote = try await quote(body, event.organizationID)
            let organization = try await stored { () throws(StoreError) in try await store.organization(event.organizationID) }
            let context = PlanningContext(
                event: body, stored: event, fields: QuoteFields(body.fields, over: quote?.fields), publicToken: quote.flatMap(publicToken),
                organization: organization, files: try await files(body, quote))
            let (plan, isPlanned) = try await plan(context, now: clock.now)
            if !isPlanned {
                isOpen = true
                continue
            }
            let retry = PlannedRetry(
                eventID: event.id, organizationID: event.organizationID, decisions: plan.decisions, messages: plan.messages, isPlanned: true)
            if try await stored({ () throws(StoreError) in try await store.plan(retry) }) { intake.announce(plan.messages.flatMap(\.accepted)) }
        }
        return isOpen
    }

    // MARK: The quote

    private func token(_ event: QuoteEvent, _ before: Quote?) throws(BridgeError) -> String? {
        guard event.isAboutQuote else { return nil }
        let known = before.flatMap(publicToken)
        if let given = event.publicToken {
            if let known, known != given { throw .tokenConflict }
            return given
        }
        if let known { return known }
        return event.trigger == DecisionTable.quoteSent ? Self.newToken() : nil
    }

    /// 192 random bits in letters that need no escaping in a URL.
    private static func newToken() -> String {
        String(Base64.encode(RandomBytes.make(24)).map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    private func files(_ event: QuoteEvent, _ before: Quote?) async throws(BridgeError) -> [Attachment] {
        if !event.attachments.isEmpty { return event.attachments }
        guard event.trigger == DecisionTable.quoteAccepted, let before else { return [] }
        let kept = try await stored { () throws(StoreError) in try await store.files(of: before.id, organizationID: before.organizationID) }
        let number = before.number
        return kept.map(\.attachment).filter { $0.contentType.lowercased().hasPrefix("application/pdf") }.prefix(1).map {
            Attachment(filename: LegacyText.documentName(quoteNumber: number), contentType: $0.contentType, bytes: $0.bytes)
        }
    }

    private func quote(
        _ id: QuoteID, _ event: QuoteEvent, before: Quote?, fields: QuoteFields, token: String?, stored: StoredEvent
    ) throws(BridgeError) -> Quote {
        let now = stored.acceptedAt
        var quote =
            before
            ?? Quote(
                id: id, organizationID: stored.organizationID, state: .sent, number: "", fields: .object([:]), sentApiKeyID: stored.apiKeyID,
                createdAt: now, updatedAt: now)
        quote.number = fields.text("quoteNumber") ?? quote.number
        quote.leadID = stored.leadID ?? quote.leadID
        quote.totalCents = fields.totalCents ?? quote.totalCents
        quote.currency = fields.text("currency") ?? quote.currency
        quote.validUntil = fields.validUntil ?? quote.validUntil
        quote.fields = fields.remembered
        quote.updatedAt = now
        let happenedAt = event.occurredAt ?? now
        switch event.trigger {
        case DecisionTable.quoteAccepted:
            quote.state = .accepted
            quote.acceptedAt = happenedAt
        case DecisionTable.quoteRejected:
            quote.state = .rejected
            quote.rejectedAt = happenedAt
        default: quote.sentAt = happenedAt
        }
        if let token, quote.tokenHash == nil {
            quote.tokenHash = SHA256.digest(Array(token.utf8))
            do { quote.sealedToken = try sealer.seal(Array(token.utf8), for: Self.sealContext(stored.organizationID, id)) } catch {
                throw .store(.corrupt(what: "quote token"))
            }
        }
        return quote
    }

    private func activity(
        _ event: QuoteEvent, _ quoteID: QuoteID, _ fields: QuoteFields, organizationID: OrganizationID, at now: Timestamp
    ) -> Activity {
        let number = fields.text("quoteNumber") ?? quoteID.text
        var metadata: [String: JSONValue] = ["quoteNumber": .string(number)]
        let message: String
        switch event.trigger {
        case DecisionTable.quoteAccepted:
            message = "Quote \(number) was accepted"
            metadata["signatureName"] = JSONValue(fields.text("signatureName"))
            metadata["totalCents"] = fields.totalCents.map { .int($0) } ?? .null
        case DecisionTable.quoteRejected:
            message = "Quote \(number) was rejected"
            metadata["reason"] = JSONValue(fields.text("reason"))
        default:
            message = "Quote \(number) was sent"
            metadata["consumerEmail"] = JSONValue(fields.text("consumerEmail"))
        }
        return Activity(
            id: .make(), organizationID: organizationID, quoteID: quoteID, eventType: event.trigger, message: message, metadata: .object(metadata),
            createdAt: now)
    }

    // MARK: Public calls

    /// A quote by its public token.
    public func quote(publicToken: String) async throws(BridgeError) -> Quote {
        let hash = SHA256.digest(Array(publicToken.utf8))
        guard let quote = try await stored({ () throws(StoreError) in try await store.quote(tokenHash: hash) }) else { throw .notFound }
        return quote
    }

    /// Whether a quote that was not answered can be answered no more.
    public func isExpired(_ quote: Quote) -> Bool {
        guard quote.state == .sent, let end = quote.validUntil ?? quote.sentAt.map({ $0 + configuration.tokenLifetime }) else { return false }
        return end < clock.now
    }

    /// Records that the customer looked at the quote; only the first look counts.
    public func view(_ quote: Quote) async throws(BridgeError) -> Quote {
        guard quote.viewedAt == nil else { return quote }
        let now = clock.now
        let activity = Activity(
            id: .make(), organizationID: quote.organizationID, quoteID: quote.id, eventType: "quote_viewed",
            message: "Quote \(quote.number) was viewed", metadata: ["quoteNumber": .string(quote.number)], createdAt: now)
        let isFirst = try await stored { () throws(StoreError) in
            try await store.recordView(quote.id, organizationID: quote.organizationID, at: now, activity: activity)
        }
        guard isFirst else { return quote }
        feed.publish([activity])
        var viewed = quote
        viewed.viewedAt = now
        return viewed
    }

    /// The customer accepts or rejects by the quote's link. Of two at once one is taken, the other is told.
    public func close(publicToken: String, as trigger: String, _ body: JSONValue) async throws(BridgeError) -> Quote {
        let quote = try await quote(publicToken: publicToken)
        if quote.state.isClosed { throw .alreadyClosed(quote.state) }
        if isExpired(quote) { throw .expired }
        let event: QuoteEvent
        do { event = try QuoteEvent(body, trigger: trigger, quoteID: quote.id) } catch { throw .invalid(error) }
        _ = try await publish(event, organizationID: quote.organizationID)
        return try await self.quote(publicToken: publicToken)
    }

    // MARK: Small things

    private func count(_ trigger: String, _ result: String) {
        let actions = [DecisionTable.quoteSent: "send", DecisionTable.quoteAccepted: "accept", DecisionTable.quoteRejected: "reject"]
        observer.observe(.quoteAction(action: actions[trigger] ?? "event", result: result))
    }

    private func stored<Value>(_ call: () async throws(StoreError) -> Value) async throws(BridgeError) -> Value {
        do { return try await call() } catch { throw .store(error) }
    }
}

extension QuoteEvent {
    var isAboutQuote: Bool { !DecisionTable.rows(of: trigger).isEmpty }
    /// It ends the quote: accepted or rejected.
    var closes: Bool { trigger == DecisionTable.quoteAccepted || trigger == DecisionTable.quoteRejected }
}
