public import AdapterKit

/// Do not contact this endpoint: why, how far it reaches, on what evidence, until when.
public struct Suppression: Hashable, Sendable {
    public var id: SuppressionID
    public var organizationID: OrganizationID
    public var endpoint: Endpoint
    public var scope: SuppressionScope
    public var reason: SuppressionReason
    public var evidence: String?
    public var actor: String
    public var createdAt: Timestamp
    public var expiresAt: Timestamp?

    public init(
        id: SuppressionID, organizationID: OrganizationID, endpoint: Endpoint, scope: SuppressionScope, reason: SuppressionReason,
        evidence: String? = nil, actor: String, createdAt: Timestamp, expiresAt: Timestamp? = nil
    ) {
        self.id = id
        self.organizationID = organizationID
        self.endpoint = endpoint
        self.scope = scope
        self.reason = reason
        self.evidence = evidence
        self.actor = actor
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}

extension Suppression {
    /// Whether it forbids a message of this category at this time.
    public func forbids(_ category: MessageCategory, at now: Timestamp) -> Bool {
        if let expiresAt, expiresAt <= now { return false }
        switch scope {
        case .organization: return true
        case .category(let declined): return declined == category
        }
    }
}

/// How far a suppression reaches.
public enum SuppressionScope: Hashable, Sendable {
    case organization
    case category(MessageCategory)

    /// `organization` or `category:<name>`.
    public var text: String {
        switch self {
        case .organization: "organization"
        case .category(let category): "category:\(category.rawValue)"
        }
    }

    public init?(_ text: String) {
        if text == "organization" {
            self = .organization
        } else if text.hasPrefix("category:"), let category = MessageCategory(rawValue: String(text.dropFirst(9))) {
            self = .category(category)
        } else {
            return nil
        }
    }
}

public enum SuppressionReason: String, Hashable, Sendable, CaseIterable {
    case hardBounce = "hard_bounce"
    case complaint
    case unsubscribe
    case optOut = "opt_out"
    case manual
    case invalid
}

/// Which suppressions to list, newest first.
public struct SuppressionQuery: Hashable, Sendable {
    /// nil only for operators.
    public var organizationID: OrganizationID?
    public var channel: ChannelName?
    public var address: String?
    public var limit: Int
    public var after: PageCursor?

    public init(
        organizationID: OrganizationID? = nil, channel: ChannelName? = nil, address: String? = nil, limit: Int = 50,
        after: PageCursor? = nil
    ) {
        self.organizationID = organizationID
        self.channel = channel
        self.address = address
        self.limit = limit
        self.after = after
    }
}
