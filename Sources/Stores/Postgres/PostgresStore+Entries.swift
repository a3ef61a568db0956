public import AdapterKit
public import GatewayModel
import PostgresClient

/// What a caller put in by SQL, within its own transaction.
public struct StoredEntry: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        /// Of a quote; `id` is the event's.
        case event
        /// `id` is the message's.
        case message
    }

    public var organizationID: OrganizationID
    public var kind: Kind
    public var id: UUIDBits
    /// Those of one organization and lane are taken over in their order.
    public var lane: String?
    public var body: [UInt8]
}

extension PostgresStore {
    /// What waits to be taken over, in the order in which it was put in; of one lane that is the order of its commits, because callers hold
    /// a lock on what the lane is named after.
    public func entries(limit: Int) async throws(StoreError) -> [StoredEntry] {
        try await read(
            "entry",
            .rows(
                """
                SELECT organization_id, kind, id, lane, convert_to(body, 'UTF8') FROM gateway.entries
                WHERE refused_at IS NULL ORDER BY place LIMIT $1
                """, limit
            ) { row in
                StoredEntry(
                    organizationID: try row.next(), kind: try row.next(), id: try row.next(), lane: try row.next(), body: try row.next())
            })
    }

    /// Takes away what was taken over.
    public func removeEntries(_ entries: [StoredEntry]) async throws(StoreError) {
        if entries.isEmpty { return }
        _ = try await write("entry") { pool async throws(PostgresError) in
            try await pool.run(
                .change(
                    """
                    DELETE FROM gateway.entries e USING unnest($1, $2, $3) AS gone (organization_id, kind, id)
                    WHERE e.organization_id = gone.organization_id AND e.kind = gone.kind AND e.id = gone.id
                    """, Column(entries, \.organizationID), Column(entries, \.kind), Column(entries, \.id)), retry: .onConflict)
        }
    }

    /// Keeps what cannot be taken over, with the reason, for a person to look at.
    public func refuse(_ entry: StoredEntry, because reason: String, at now: Timestamp) async throws(StoreError) {
        _ = try await write("entry") { pool async throws(PostgresError) in
            try await pool.run(
                .change(
                    """
                    UPDATE gateway.entries SET refused_at = $1, refusal = $2 WHERE organization_id = $3 AND kind = $4 AND id = $5
                    """, now, reason, entry.organizationID, entry.kind, entry.id), retry: .onConflict)
        }
    }

    /// Removes refused entries, and the keys of those that were taken over.
    func purgeEntries(enteredBefore: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await write("entry") { pool async throws(PostgresError) in
            let (refused, keys) = try await pool.run(
                .change(
                    """
                    DELETE FROM gateway.entries e USING (
                        SELECT organization_id, kind, id FROM gateway.entries WHERE refused_at < $1 ORDER BY refused_at LIMIT $2
                    ) old
                    WHERE e.organization_id = old.organization_id AND e.kind = old.kind AND e.id = old.id
                    """, enteredBefore, limit),
                .change(
                    """
                    DELETE FROM gateway.entry_keys k USING (
                        SELECT organization_id, kind, key FROM gateway.entry_keys WHERE entered_at < $1 ORDER BY entered_at LIMIT $2
                    ) old
                    WHERE k.organization_id = old.organization_id AND k.kind = old.kind AND k.key = old.key
                    """, enteredBefore, limit), retry: .onConflict)
            return refused + keys
        }
    }
}
