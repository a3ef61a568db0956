public import AdapterKit

/// A tenant.
public struct Organization: Hashable, Sendable {
    public var id: OrganizationID
    public var name: String
    public var locale: String?
    public var createdAt: Timestamp
    /// Whether the default workflows were given once; they are never given twice.
    public var wasSeeded: Bool

    public init(id: OrganizationID, name: String, locale: String? = nil, createdAt: Timestamp, wasSeeded: Bool = false) {
        self.id = id
        self.name = name
        self.locale = locale
        self.createdAt = createdAt
        self.wasSeeded = wasSeeded
    }
}

/// A key that lets a program in; the token itself is never stored.
public struct APIKey: Hashable, Sendable {
    public var id: APIKeyID
    /// nil for operators.
    public var organizationID: OrganizationID?
    public var name: String
    public var role: Role
    /// SHA-256 of the token.
    public var tokenHash: [UInt8]
    public var createdAt: Timestamp
    public var revokedAt: Timestamp?

    public init(
        id: APIKeyID, organizationID: OrganizationID? = nil, name: String, role: Role, tokenHash: [UInt8], createdAt: Timestamp,
        revokedAt: Timestamp? = nil
    ) {
        self.id = id
        self.organizationID = organizationID
        self.name = name
        self.role = role
        self.tokenHash = tokenHash
        self.createdAt = createdAt
        self.revokedAt = revokedAt
    }
}

/// What a caller may do; the table stands in the API's document.
public enum Role: String, Hashable, Sendable, CaseIterable {
    case admin, quotes, sender, viewer, `operator`
}

/// Who changed what, written in the transaction of the change.
public struct AuditEntry: Hashable, Sendable {
    public var id: AuditID
    public var at: Timestamp
    public var organizationID: OrganizationID?
    /// `key:<id>`, `jwt:<subject>`, `cli`, `system`.
    public var actor: String
    /// Such as `workflows.replace`.
    public var action: String
    public var subject: String
    public var before: JSONValue?
    public var after: JSONValue?

    public init(
        id: AuditID, at: Timestamp, organizationID: OrganizationID? = nil, actor: String, action: String, subject: String,
        before: JSONValue? = nil, after: JSONValue? = nil
    ) {
        self.id = id
        self.at = at
        self.organizationID = organizationID
        self.actor = actor
        self.action = action
        self.subject = subject
        self.before = before
        self.after = after
    }
}

/// Which audit entries to list, newest first.
public struct AuditQuery: Hashable, Sendable {
    /// nil only for operators.
    public var organizationID: OrganizationID?
    public var limit: Int
    public var after: PageCursor?

    public init(organizationID: OrganizationID? = nil, limit: Int = 50, after: PageCursor? = nil) {
        self.organizationID = organizationID
        self.limit = limit
        self.after = after
    }
}
