import AdapterKit
import GatewayModel
import Signing

/// Who makes a call, and what of it is theirs.
struct Caller: Hashable, Sendable {
    /// `key:<id>` or `jwt:<subject>`, as the audit names them.
    var actor: String
    /// nil for operators.
    var organizationID: OrganizationID?
    var roles: Set<Role>
    /// What is made by this caller is known by it.
    var apiKeyID: APIKeyID

    init(_ key: APIKey) {
        actor = "key:\(key.id)"
        organizationID = key.organizationID
        roles = [key.role]
        apiKeyID = key.id
    }

    /// A caller with a signed token; its subject stands for a key, so that it finds what it made with its next token too.
    init(subject: String, organizationID: OrganizationID, roles: Set<Role>) {
        actor = "jwt:\(subject)"
        self.organizationID = organizationID
        self.roles = roles
        let bytes = UUIDv5.make(namespace: organizationID.bits.bytes, name: Array("jwt:\(subject)".utf8))
        // A version 5 UUID always has sixteen bytes.
        apiKeyID = APIKeyID(bytes: bytes) ?? .make()
    }
}
