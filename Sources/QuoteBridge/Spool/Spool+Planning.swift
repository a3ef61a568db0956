import AdapterKit
import GatewayModel
import WorkflowEngine

extension Spool {
    /// What is decided while the main store is away; everything waits where the copy of the rules cannot be relied upon.
    func plan(_ context: PlanningContext, now: Timestamp, waits: Bool) async throws(BridgeError) -> (Plan, isPlanned: Bool) {
        let plan: Plan
        if waits {
            plan = Plan(decisions: context.stored.decisions(.deferred, .enqueueFailed))
        } else {
            plan = try await decided(context, now: now) ?? Plan(decisions: context.stored.decisions(.deferred, .resolverFailed))
        }
        return (plan.withDerivedIDs, plan.decisions.allSatisfy { $0.outcome != .deferred })
    }

    /// By the copy; `nil` where it does not decide.
    private func decided(_ context: PlanningContext, now: Timestamp) async throws(BridgeError) -> Plan? {
        let stored = context.stored
        let rules = store.store
        let takenAt: Timestamp?
        let set: WorkflowSet
        var override: LeadOverride?
        do throws(StoreError) {
            takenAt = try await store.mirroredAt()
            set = try await rules.workflowSet(stored.organizationID)
            if let leadID = stored.leadID { override = try await rules.override(leadID, organizationID: stored.organizationID) }
        } catch {
            switch error {
            case .corrupt, .driver: return nil
            case .unavailable, .outcomeUnknown, .full, .schema: throw .store(error)
            }
        }
        guard let takenAt, now - takenAt <= configuration.maxMirrorAge, context.organization != nil else { return nil }
        let facts = context.fields.facts
        guard Resolver.isCertain(facts, override: override, in: set) else { return nil }
        let resolution = Resolver.resolve(facts, override: override, in: set)
        let wanted = bridge.planner.plan(bridge.input(context, facts, resolution, workflowVersion: set.version, now: now))
        let legacy = bridge.planner.plan(
            bridge.input(context, facts, Resolution(source: .organizationDefault), workflowVersion: set.version, now: now))
        let told = DecisionTable.rows(of: stored.trigger).filter { $0.hasLegacyPath && LegacyPath.isTold($0, by: context.fields) }
        return try await bridge.passGate(wanted).whileAway(legacy: bridge.passGate(legacy), rows: told)
    }
}

extension Plan {
    /// What of this plan stands without the main store. What would be sent gives way to the legacy mail, once for each of `rows`, else it
    /// waits; so does what depends on anything that the main store may know of the quote.
    ///
    /// - Parameter legacy: the plan as it is where no workflow speaks.
    func whileAway(legacy: Plan, rows: [DecisionRow]) -> Plan {
        var open = rows
        var plan = Plan()
        for var decision in decisions {
            if !decision.standsWithoutMainStore {
                let row = open.firstIndex { $0.channel == decision.channel && $0.audience == decision.audience }
                let mail = legacy.decisions.first { $0.isBeside(decision) && $0.outcome == .legacy }
                if decision.isSent, let row, let mail {
                    open.remove(at: row)
                    decision.outcome = .legacy
                    decision.deliveryIDs = mail.deliveryIDs
                } else {
                    decision.outcome = .deferred
                    decision.deliveryIDs = []
                }
                decision.reason = .enqueueFailed
            }
            plan.decisions.append(decision)
        }
        let ids = Set(plan.decisions.flatMap(\.deliveryIDs))
        plan.messages = (messages + legacy.messages).filter { $0.deliveries.contains { ids.contains($0.id) } }
        return plan
    }
}

extension Decision {
    fileprivate var isSent: Bool { outcome == .enqueued || outcome == .legacy }

    /// Whether it depends on nothing but the rules and what the event itself says.
    fileprivate var standsWithoutMainStore: Bool {
        switch outcome {
        case .enqueued, .legacy, .deferred: false
        case .suppressed, .none:
            switch reason {
            case .missingEmail, .missingPhone, .missingEndpoint, .emptyContent: false
            default: true
            }
        }
    }
}
