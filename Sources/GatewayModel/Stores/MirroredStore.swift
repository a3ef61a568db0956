public import AdapterKit

/// A store of which nodes keep a copy: what decides about events, for the time when the store itself is away.
public protocol MirroredStore: Sendable {
    /// What decides as of one moment, less what a copy with these marks has already.
    func mirror(since marks: MirrorMarks?) async throws(StoreError) -> MirrorUpdate

    /// Runs `body`, in which no call of the store is waited for much longer than `limit`, although it may be elsewhere.
    ///
    /// A call that was given up throws `unavailable` when it certainly changed nothing, else `outcomeUnknown`.
    func within<Value>(_ limit: Duration, _ body: () async -> Value) async -> Value
}

/// What of a copy is not up to date, and what it is to be known by from now on.
public struct MirrorUpdate: Sendable {
    /// All of them, as with keys, overrides and suppressions; `nil` when none has changed.
    public var organizations: [Organization]?
    public var keys: [APIKey]?
    /// Those of another version than the copy's.
    public var workflows: [WorkflowSet]
    public var overrides: [OrganizationID: [LeadOverride]]?
    public var suppressions: [Suppression]?
    /// The migrations of the store: all of them, every time.
    public var schema: [MigrationPlan.Applied]
    public var marks: MirrorMarks

    public init(
        organizations: [Organization]?, keys: [APIKey]?, workflows: [WorkflowSet], overrides: [OrganizationID: [LeadOverride]]?,
        suppressions: [Suppression]?, schema: [MigrationPlan.Applied], marks: MirrorMarks
    ) {
        self.organizations = organizations
        self.keys = keys
        self.workflows = workflows
        self.overrides = overrides
        self.suppressions = suppressions
        self.schema = schema
        self.marks = marks
    }
}

/// By what a copy is known to be the same as its original: of each kind a text that is equal for equal sets.
public struct MirrorMarks: Hashable, Sendable {
    /// Of the workflows of each organization that ever had some.
    public var versions: [OrganizationID: Int64]
    public var organizations: String
    public var keys: String
    public var overrides: String
    public var suppressions: String

    public init(versions: [OrganizationID: Int64], organizations: String, keys: String, overrides: String, suppressions: String) {
        self.versions = versions
        self.organizations = organizations
        self.keys = keys
        self.overrides = overrides
        self.suppressions = suppressions
    }
}
