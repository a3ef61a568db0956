public import AdapterKit

/// Something that happened to a quote or another subject, as it was accepted: once per id.
public struct StoredEvent: Hashable, Sendable {
    public var id: EventID
    public var organizationID: OrganizationID
    public var trigger: String
    public var quoteID: QuoteID?
    public var leadID: LeadID?
    /// The event's body in canonical JSON, without its own id and without a public token.
    public var payload: [UInt8]
    /// SHA-256 of the body as it was told, by which a repeat is known from another event under the same id.
    public var bodyHash: [UInt8]
    public var apiKeyID: APIKeyID?
    public var acceptedAt: Timestamp
    /// False while some decision is still `deferred`.
    public var isPlanned: Bool

    public init(
        id: EventID, organizationID: OrganizationID, trigger: String, quoteID: QuoteID? = nil, leadID: LeadID? = nil, payload: [UInt8],
        bodyHash: [UInt8], apiKeyID: APIKeyID? = nil, acceptedAt: Timestamp, isPlanned: Bool = true
    ) {
        self.id = id
        self.organizationID = organizationID
        self.trigger = trigger
        self.quoteID = quoteID
        self.leadID = leadID
        self.payload = payload
        self.bodyHash = bodyHash
        self.apiKeyID = apiKeyID
        self.acceptedAt = acceptedAt
        self.isPlanned = isPlanned
    }
}

/// The recorded answer for one planned step, or for one row of the decision table without an enabled step.
public struct Decision: Hashable, Sendable {
    public var id: DecisionID
    public var eventID: EventID
    public var organizationID: OrganizationID
    public var trigger: String
    public var channel: ChannelName?
    public var audience: Audience?
    public var outcome: DecisionOutcome
    public var reason: Reason
    public var workflowID: WorkflowID?
    public var workflowKey: String?
    public var workflowVersion: Int64?
    public var stepID: StepID?
    public var resolutionSource: ResolutionSource?
    public var matchedRuleID: RuleID?
    public var deliveryIDs: [DeliveryID]
    /// The inputs that mattered, for explanation.
    public var inputs: JSONValue
    public var createdAt: Timestamp

    public init(
        id: DecisionID, eventID: EventID, organizationID: OrganizationID, trigger: String, channel: ChannelName? = nil,
        audience: Audience? = nil, outcome: DecisionOutcome, reason: Reason, workflowID: WorkflowID? = nil, workflowKey: String? = nil,
        workflowVersion: Int64? = nil, stepID: StepID? = nil, resolutionSource: ResolutionSource? = nil, matchedRuleID: RuleID? = nil,
        deliveryIDs: [DeliveryID] = [], inputs: JSONValue = .object([:]), createdAt: Timestamp
    ) {
        self.id = id
        self.eventID = eventID
        self.organizationID = organizationID
        self.trigger = trigger
        self.channel = channel
        self.audience = audience
        self.outcome = outcome
        self.reason = reason
        self.workflowID = workflowID
        self.workflowKey = workflowKey
        self.workflowVersion = workflowVersion
        self.stepID = stepID
        self.resolutionSource = resolutionSource
        self.matchedRuleID = matchedRuleID
        self.deliveryIDs = deliveryIDs
        self.inputs = inputs
        self.createdAt = createdAt
    }
}

public enum DecisionOutcome: String, Hashable, Sendable, CaseIterable {
    case enqueued, suppressed, legacy, none, deferred
}

/// How a lead came by its workflow.
public enum ResolutionSource: String, Hashable, Sendable, CaseIterable {
    case manualClear = "manual_clear"
    case manualOverride = "manual_override"
    case autoRule = "auto_rule"
    case organizationDefault = "organization_default"
}
