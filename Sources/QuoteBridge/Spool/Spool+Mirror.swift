import AdapterKit
public import GatewayModel

extension Spool {
    /// Brings the copy of what decides up to date, after the main store was told of the suppressions that were found here.
    public func mirror(_ main: any MirroredStore & SuppressionStore) async throws(StoreError) {
        let now = bridge.clock.now
        for suppression in try await store.ownSuppressions() {
            let audit = AuditEntry(
                id: .make(), at: now, organizationID: suppression.organizationID, actor: "system", action: "suppressions.add",
                subject: "suppression:\(suppression.id)",
                after: ["reason": .string(suppression.reason.rawValue), "scope": .string(suppression.scope.text)])
            _ = try await main.suppress(suppression, audit: audit)
            try await store.forgetOwn(suppression.id)
        }
        let update = try await main.mirror(since: try await store.mirrorMarks())
        try await store.mirror(update, takenAt: now)
        note { $0.mirroredAt = now }
    }
}
