public import AdapterKit
public import GatewayModel

/// How a person can be reached.
public struct Contact: Hashable, Sendable {
    public var email: String?
    public var phone: String?

    public init(email: String? = nil, phone: String? = nil) {
        self.email = email
        self.phone = phone
    }

    func address(_ kind: AddressKind) -> String? {
        switch kind {
        case .email: email
        case .phone: phone
        case .url: nil
        }
    }
}

/// A mail of the legacy path, should a row need it.
public struct LegacyMail: Hashable, Sendable {
    public var templates: ContentTemplates
    public var attachments: [Attachment]

    public init(templates: ContentTemplates, attachments: [Attachment] = []) {
        self.templates = templates
        self.attachments = attachments
    }
}

/// Everything the planner decides from; nothing else is looked at, so that the same input always gives the same decisions.
public struct PlanningInput: Sendable {
    public var eventID: EventID
    public var organizationID: OrganizationID
    public var trigger: String
    public var quoteID: QuoteID?
    public var leadID: LeadID?
    public var apiKeyID: APIKeyID?
    public var facts: LeadFacts
    public var resolution: Resolution
    public var workflowVersion: Int64
    public var variables: TemplateVariables
    public var language: Language
    public var lead: Contact
    public var partner: Contact
    public var agent: Contact
    public var isOptedIn: Bool
    /// Files that go along with the lead's mail.
    public var attachments: [Attachment]
    /// The legacy mail of each row that has one; empty when the legacy path is switched off.
    public var legacy: [DecisionRow: LegacyMail]
    public var now: Timestamp

    public init(
        eventID: EventID, organizationID: OrganizationID, trigger: String, quoteID: QuoteID?, leadID: LeadID?, apiKeyID: APIKeyID?,
        facts: LeadFacts, resolution: Resolution, workflowVersion: Int64, variables: TemplateVariables, language: Language, lead: Contact,
        partner: Contact, agent: Contact, isOptedIn: Bool, attachments: [Attachment] = [], legacy: [DecisionRow: LegacyMail] = [:],
        now: Timestamp
    ) {
        self.eventID = eventID
        self.organizationID = organizationID
        self.trigger = trigger
        self.quoteID = quoteID
        self.leadID = leadID
        self.apiKeyID = apiKeyID
        self.facts = facts
        self.resolution = resolution
        self.workflowVersion = workflowVersion
        self.variables = variables
        self.language = language
        self.lead = lead
        self.partner = partner
        self.agent = agent
        self.isOptedIn = isOptedIn
        self.attachments = attachments
        self.legacy = legacy
        self.now = now
    }
}

/// What an event comes to: its decisions, and the messages that carry them out.
public struct Plan: Hashable, Sendable {
    public var decisions: [Decision]
    public var messages: [NewMessage]

    public init(decisions: [Decision] = [], messages: [NewMessage] = []) {
        self.decisions = decisions
        self.messages = messages
    }
}
