public import AdapterKit
public import GatewayModel
import Signing
import WorkflowEngine

/// What the command line does to a store: organizations, keys, the schema's state.
///
/// Runs on a store that was opened for it, or inside the daemon that has it open.
public struct Administration: Sendable {
    public typealias Store = OrganizationStore & StoreMaintaining

    private let store: any Store
    private let clock: any WallClock

    public init(store: any Store, clock: any WallClock = SystemClock()) {
        self.store = store
        self.clock = clock
    }

    /// One command, as it also travels over the control socket.
    public enum Command: Codable, Hashable, Sendable {
        case createOrganization(id: OrganizationID, name: String, locale: String?, isSeeded: Bool)
        case listOrganizations
        case createKey(organizationID: OrganizationID?, organizationName: String? = nil, name: String, role: String)
        case listKeys
        case revokeKey(APIKeyID)
        case migrations
    }

    /// What a command prints, and whether it worked.
    public struct Answer: Codable, Hashable, Sendable {
        public var output: [String]
        public var fault: String?
        /// What is to be known besides, and is no part of what a program reads.
        public var note: String?
        /// What `migrations` answers, for programs.
        public var migrations: [MigrationStatus]?

        public static func done(_ lines: [String]) -> Answer { Answer(output: lines) }
        public static func refused(_ why: String) -> Answer { Answer(output: [], fault: why) }
    }

    public func run(_ command: Command) async -> Answer {
        do {
            switch command {
            case .createOrganization(let id, let name, let locale, let isSeeded):
                if let fault = Self.fault(ofName: name) ?? Self.fault(ofLocale: locale) { return .refused(fault) }
                let isNew = try await createOrganization(id, name: name, locale: locale, isSeeded: isSeeded)
                return isNew ? .done(["\(id)"]) : .refused("organization \(id) exists already")
            case .listOrganizations:
                return .done(try await store.organizations().map { "\($0.id)  \($0.name.isEmpty ? "-" : $0.name)" })
            case .createKey(let organizationID, let organizationName, let name, let role):
                return try await createKey(organizationID, organizationName: organizationName, name: name, role: role)
            case .listKeys:
                return .done(
                    try await store.keys().map { key in
                        "\(key.id)  \(key.role.rawValue)  \(key.organizationID.map { "\($0)" } ?? "-")  \(key.revokedAt == nil ? "active" : "revoked")  \(key.name)"
                    })
            case .revokeKey(let id):
                let audit = entry("keys.revoke", "key:\(id)", nil)
                return try await store.revokeKey(id, at: clock.now, audit: audit)
                    ? .done(["revoked"]) : .refused("there is no active key \(id)")
            case .migrations:
                let states = try await store.migrations()
                return Answer(
                    output: states.map { "\(Self.padded($0.number))  \($0.name)  \($0.state.rawValue)" }, migrations: states)
            }
        } catch { return .refused("\(error)") }
    }

    /// Whether a token is that of a key that lets in.
    public func opens(_ token: String) async throws(StoreError) -> Bool {
        try await store.key(tokenHash: SHA256.digest(Array(token.utf8))).map { $0.revokedAt == nil } ?? false
    }

    public static func padded(_ number: Int) -> String { String(repeating: "0", count: max(0, 3 - String(number).count)) + String(number) }

    private static func fault(ofName name: String) -> String? {
        let isPrintable = !name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        return !name.allSatisfy(\.isWhitespace) && name.count <= 160 && isPrintable ? nil : "a name has 1 to 160 characters, in one line"
    }

    private static func fault(ofLocale locale: String?) -> String? {
        guard let locale, !Language.isTag(locale) else { return nil }
        return "a locale is a language and perhaps a region, such as nl-NL"
    }

    private func createOrganization(_ id: OrganizationID, name: String, locale: String?, isSeeded: Bool) async throws(StoreError) -> Bool {
        let now = clock.now
        let organization = Organization(id: id, name: name, locale: locale, createdAt: now)
        return try await store.createOrganization(
            organization, seed: isSeeded ? .initial(in: Language(locale: locale), at: now) : nil,
            audit: entry("organizations.create", "organization:\(id)", id))
    }

    private func createKey(
        _ organizationID: OrganizationID?, organizationName: String?, name: String, role text: String
    ) async throws(StoreError) -> Answer {
        guard let role = Role(rawValue: text) else {
            return .refused("the role must be one of " + Role.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if role == .operator, organizationID != nil { return .refused("an operator's key belongs to no organization") }
        if role != .operator, organizationID == nil { return .refused("a key with role \(text) needs --organization") }
        if let fault = Self.fault(ofName: name) { return .refused(fault) }
        if let organizationName, let fault = Self.fault(ofName: organizationName) { return .refused(fault) }
        var note: String?
        if let organizationID {
            if let known = try await store.organization(organizationID) {
                if let organizationName, organizationName != known.name {
                    return .refused(
                        "organization \(organizationID) exists already, with \(known.name.isEmpty ? "no name" : "another name")")
                }
            } else {
                // A key's name is none that customers should read.
                _ = try await createOrganization(organizationID, name: organizationName ?? "", locale: nil, isSeeded: true)
                if organizationName == nil {
                    note =
                        "organization \(organizationID) is new and has no name; its messages name it only where an event brings "
                        + "organizationName (--organization-name gives one to a new organization)"
                }
            }
        } else if organizationName != nil {
            return .refused("an operator's key belongs to no organization")
        }
        let token = "gwd_" + Hex.encode(RandomBytes.make(24))
        let key = APIKey(
            id: .make(), organizationID: organizationID, name: name, role: role, tokenHash: SHA256.digest(Array(token.utf8)),
            createdAt: clock.now)
        try await store.createKey(key, audit: entry("keys.create", "key:\(key.id)", organizationID))
        return Answer(output: [token], note: note)
    }

    private func entry(_ action: String, _ subject: String, _ organizationID: OrganizationID?) -> AuditEntry {
        AuditEntry(id: .make(), at: clock.now, organizationID: organizationID, actor: "cli", action: action, subject: subject)
    }
}
