public import AdapterKit
public import GatewayModel

extension SQLiteSpool {
    public func mirroredAt() async throws(StoreError) -> Timestamp? {
        try await base.readers.read { connection throws(StoreError) in
            try connection.first("SELECT taken_at FROM mirror") { row throws(StoreError) in try row.read(Timestamp.self) }
        }
    }

    public func mirrorMarks() async throws(StoreError) -> MirrorMarks? {
        try await base.readers.read { connection throws(StoreError) in
            let versions = try connection.all("SELECT organization_id, version FROM workflow_versions") { row throws(StoreError) in
                (try row.read(OrganizationID.self), try row.read(Int64.self))
            }
            return try connection.first("SELECT organizations, keys, overrides, suppressions FROM mirror") { row throws(StoreError) in
                MirrorMarks(
                    versions: Dictionary(versions) { $1 }, organizations: try row.read(), keys: try row.read(), overrides: try row.read(),
                    suppressions: try row.read())
            }
        }
    }

    public func mirror(_ update: MirrorUpdate, takenAt: Timestamp) async throws(StoreError) {
        try await base.writer.write { connection throws(StoreError) in
            if let organizations = update.organizations { try connection.mirror(organizations) }
            if let keys = update.keys { try connection.mirror(keys) }
            try connection.mirror(update.workflows, versions: update.marks.versions)
            if let overrides = update.overrides { try connection.mirror(overrides) }
            if let suppressions = update.suppressions { try connection.mirror(suppressions) }
            try connection.mirror(update.schema)
            try connection.run(
                "INSERT OR REPLACE INTO mirror VALUES (1, ?, ?, ?, ?, ?)", takenAt, update.marks.organizations, update.marks.keys,
                update.marks.overrides, update.marks.suppressions)
        }
    }

    public func ownSuppressions() async throws(StoreError) -> [Suppression] {
        try await base.readers.read { connection throws(StoreError) in try connection.ownSuppressions() }
    }

    public func forgetOwn(_ suppression: SuppressionID) async throws(StoreError) {
        try await base.writer.write { connection throws(StoreError) in
            // It stands until the copy is brought up to date: until then nobody else has it here.
            _ = try connection.run("INSERT OR IGNORE INTO mirrored_suppressions VALUES (?)", suppression)
        }
    }
}

extension SQLiteConnection {
    func mirroredSchema() throws(StoreError) -> [MigrationPlan.Applied] {
        try all("SELECT number, name, checksum, oldest FROM mirrored_migrations ORDER BY number") { row throws(StoreError) in
            row.kind = "migration"
            return MigrationPlan.Applied(number: try row.read(), name: try row.read(), checksum: try row.read(), oldest: try row.read())
        }
    }

    fileprivate func mirror(_ schema: [MigrationPlan.Applied]) throws(StoreError) {
        try run("DELETE FROM mirrored_migrations")
        for one in schema {
            try run("INSERT INTO mirrored_migrations VALUES (?, ?, ?, ?)", one.number, one.name, one.checksum, one.oldest)
        }
    }

    fileprivate func mirror(_ organizations: [Organization]) throws(StoreError) {
        try run("DELETE FROM organizations")
        for one in organizations {
            try run(
                "INSERT INTO organizations (id, name, locale, created_at, was_seeded) VALUES (?, ?, ?, ?, ?)", one.id, one.name, one.locale,
                one.createdAt, one.wasSeeded)
        }
    }

    fileprivate func mirror(_ keys: [APIKey]) throws(StoreError) {
        try run("DELETE FROM api_keys")
        for key in keys {
            try run(
                "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?)", key.id, key.organizationID, key.name, key.role, key.tokenHash,
                key.createdAt, key.revokedAt)
        }
    }

    fileprivate func mirror(_ sets: [WorkflowSet], versions: [OrganizationID: Int64]) throws(StoreError) {
        for set in sets {
            try replaceWorkflows(set.workflows, rules: set.rules, of: set.organizationID)
            try run("UPDATE workflow_versions SET version = ? WHERE organization_id = ?", set.version, set.organizationID)
        }
        let known = try all("SELECT organization_id FROM workflow_versions") { row throws(StoreError) in try row.read(OrganizationID.self) }
        for organization in known where versions[organization] == nil {
            try replaceWorkflows([], rules: [], of: organization)
            try run("DELETE FROM workflow_versions WHERE organization_id = ?", organization)
        }
    }

    fileprivate func mirror(_ overrides: [OrganizationID: [LeadOverride]]) throws(StoreError) {
        try run("DELETE FROM lead_overrides")
        for (organization, list) in overrides {
            for one in list {
                try run(
                    "INSERT INTO lead_overrides VALUES (?, ?, ?, ?, ?, ?, ?)", organization, one.leadID, one.workflowID, one.mode,
                    one.reason,
                    one.createdAt, one.updatedAt)
            }
        }
    }

    fileprivate func mirror(_ suppressions: [Suppression]) throws(StoreError) {
        try run("DELETE FROM suppressions WHERE id IN (SELECT id FROM mirrored_suppressions)")
        try run("DELETE FROM mirrored_suppressions")
        for one in suppressions {
            try run(
                "INSERT OR REPLACE INTO suppressions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", one.id, one.organizationID,
                one.endpoint.channel, one.endpoint.address, one.scope, one.reason, one.evidence, one.actor, one.createdAt, one.expiresAt)
            try run("INSERT INTO mirrored_suppressions VALUES (?)", one.id)
        }
    }
}
