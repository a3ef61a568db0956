public import AdapterKit

/// Gives leads their workflow by what is known of them.
public struct AssignmentRule: Hashable, Sendable {
    public var id: RuleID
    public var workflowID: WorkflowID
    public var name: String
    public var enabled: Bool
    public var priority: Int
    public var leadSource: String?
    public var leadServiceType: String?
    public var pipelineStage: String?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public init(
        id: RuleID, workflowID: WorkflowID, name: String, enabled: Bool = true, priority: Int = 100, leadSource: String? = nil,
        leadServiceType: String? = nil, pipelineStage: String? = nil, createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.id = id
        self.workflowID = workflowID
        self.name = name
        self.enabled = enabled
        self.priority = priority
        self.leadSource = leadSource
        self.leadServiceType = leadServiceType
        self.pipelineStage = pipelineStage
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// A lead's workflow set by hand.
public struct LeadOverride: Hashable, Sendable {
    public var leadID: LeadID
    public var workflowID: WorkflowID?
    public var mode: OverrideMode
    public var reason: String?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public init(
        leadID: LeadID, workflowID: WorkflowID? = nil, mode: OverrideMode, reason: String? = nil, createdAt: Timestamp,
        updatedAt: Timestamp
    ) {
        self.leadID = leadID
        self.workflowID = workflowID
        self.mode = mode
        self.reason = reason
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

public enum OverrideMode: String, Hashable, Sendable, CaseIterable {
    case manual
    case manualLock = "manual_lock"
    case clear
}

/// What is known of a lead for choosing its workflow.
public struct Lead: Hashable, Sendable {
    public var id: LeadID
    public var source: String?
    public var serviceType: String?
    public var pipelineStage: String?

    public init(id: LeadID, source: String? = nil, serviceType: String? = nil, pipelineStage: String? = nil) {
        self.id = id
        self.source = source
        self.serviceType = serviceType
        self.pipelineStage = pipelineStage
    }
}

/// Everything that decides an organization's workflows, as of one version.
public struct WorkflowSet: Hashable, Sendable {
    public var organizationID: OrganizationID
    /// Rises with every change; the ETag of the workflow calls.
    public var version: Int64
    public var workflows: [Workflow]
    public var rules: [AssignmentRule]

    public init(organizationID: OrganizationID, version: Int64, workflows: [Workflow] = [], rules: [AssignmentRule] = []) {
        self.organizationID = organizationID
        self.version = version
        self.workflows = workflows
        self.rules = rules
    }
}
