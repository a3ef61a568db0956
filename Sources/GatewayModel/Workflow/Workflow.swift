public import AdapterKit

/// An organization's named set of steps.
public struct Workflow: Hashable, Sendable {
    public var id: WorkflowID
    /// At most 120 characters; unique within the organization.
    public var workflowKey: String
    public var name: String
    public var description: String?
    public var enabled: Bool
    public var quoteValidDaysOverride: Int?
    public var quotePaymentDaysOverride: Int?
    public var steps: [Step]
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public init(
        id: WorkflowID, workflowKey: String, name: String, description: String? = nil, enabled: Bool = true,
        quoteValidDaysOverride: Int? = nil, quotePaymentDaysOverride: Int? = nil, steps: [Step], createdAt: Timestamp,
        updatedAt: Timestamp
    ) {
        self.id = id
        self.workflowKey = workflowKey
        self.name = name
        self.description = description
        self.enabled = enabled
        self.quoteValidDaysOverride = quoteValidDaysOverride
        self.quotePaymentDaysOverride = quotePaymentDaysOverride
        self.steps = steps
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// Trigger × channel × audience × order, with a delay, a template and recipients.
public struct Step: Hashable, Sendable {
    public var id: StepID
    public var trigger: String
    public var channel: ChannelName
    public var audience: Audience
    public var action: String
    public var stepOrder: Int
    public var delayMinutes: Int
    public var enabled: Bool
    public var recipients: RecipientConfig?
    public var templateSubject: String?
    public var templateBody: String?
    /// `{name, language, components}`.
    public var whatsappTemplate: JSONValue?
    public var orderPerQuote: Bool
    public var stopOnReply: Bool

    public init(
        id: StepID, trigger: String, channel: ChannelName, audience: Audience = .lead, action: String = "send_message", stepOrder: Int,
        delayMinutes: Int = 0, enabled: Bool = true, recipients: RecipientConfig? = nil, templateSubject: String? = nil,
        templateBody: String? = nil, whatsappTemplate: JSONValue? = nil, orderPerQuote: Bool = false, stopOnReply: Bool = false
    ) {
        self.id = id
        self.trigger = trigger
        self.channel = channel
        self.audience = audience
        self.action = action
        self.stepOrder = stepOrder
        self.delayMinutes = delayMinutes
        self.enabled = enabled
        self.recipients = recipients
        self.templateSubject = templateSubject
        self.templateBody = templateBody
        self.whatsappTemplate = whatsappTemplate
        self.orderPerQuote = orderPerQuote
        self.stopOnReply = stopOnReply
    }
}

/// Who receives a step; left out altogether, the contact of the step's audience.
public struct RecipientConfig: Hashable, Sendable {
    public var includeLeadContact: Bool
    public var includePartner: Bool
    public var includeAssignedAgent: Bool
    public var includeInternal: Bool
    public var customEmails: [String]
    public var customPhones: [String]
    public var customEndpoints: [String]

    public init(
        includeLeadContact: Bool = false, includePartner: Bool = false, includeAssignedAgent: Bool = false, includeInternal: Bool = false,
        customEmails: [String] = [], customPhones: [String] = [], customEndpoints: [String] = []
    ) {
        self.includeLeadContact = includeLeadContact
        self.includePartner = includePartner
        self.includeAssignedAgent = includeAssignedAgent
        self.includeInternal = includeInternal
        self.customEmails = customEmails
        self.customPhones = customPhones
        self.customEndpoints = customEndpoints
    }
}
