import AdapterKit
import GatewayModel

/// Reads the assignment rules of a PUT and finds out which of the stored ones they are: by id, else by name.
struct AssignmentRulesReader {
    let set: WorkflowSet
    let now: Timestamp

    /// The rules as they are to stand; throws every fault.
    func read(_ json: JSONValue) throws(Faults) -> [AssignmentRule] {
        var reader = try ObjectReader(json, path: "")
        // Of rules with one name each stored one is found once.
        var free = set.rules.filter { rule in
            !(json["rules"]?.arrayValue ?? []).contains { $0["id"]?.stringValue.flatMap({ RuleID($0) }) == rule.id }
        }
        let rules = reader.list("rules", required: true, count: 0...500) { (json: JSONValue, path: String) throws(Faults) in
            try rule(json, path: path, free: &free)
        }
        try reader.finish()
        let read = rules ?? []
        var faults: [Fault] = []
        for (index, rule) in read.enumerated() {
            if rule.isCatchAll, read[..<index].contains(where: \.isCatchAll) {
                faults.append(Fault("rules[\(index)]", "matches every lead, as another rule does"))
            }
            if read[..<index].contains(where: { $0.id == rule.id }) {
                faults.append(Fault("rules[\(index)].id", "is used by another rule"))
            }
        }
        guard faults.isEmpty else { throw Faults(faults) }
        return read
    }

    private func rule(_ json: JSONValue, path: String, free: inout [AssignmentRule]) throws(Faults) -> AssignmentRule {
        var reader = try ObjectReader(json, path: path)
        let id: RuleID? = reader.id("id")
        let workflowID: WorkflowID? = reader.id("workflowId", required: true)
        if let workflowID, !set.workflows.contains(where: { $0.id == workflowID }) { reader.fault("workflowId", "names no workflow") }
        let name = reader.string("name", required: true, maximum: 160) ?? ""
        let enabled = reader.bool("enabled") ?? true
        let priority = reader.int("priority", in: 0...1_000_000) ?? 100
        let source = reader.string("leadSource", maximum: 120)
        let serviceType = reader.string("leadServiceType", maximum: 120)
        let stage = reader.string("pipelineStage", maximum: 120)
        _ = reader.time("createdAt")
        _ = reader.time("updatedAt")
        try reader.finish()
        guard let workflowID else { throw Faults([]) }
        var known = set.rules.first { $0.id == id }
        if id == nil, let place = free.firstIndex(where: { $0.name == name }) { known = free.remove(at: place) }
        var rule = AssignmentRule(
            id: id ?? known?.id ?? .make(), workflowID: workflowID, name: name, enabled: enabled, priority: Int(priority),
            leadSource: source,
            leadServiceType: serviceType, pipelineStage: stage, createdAt: known?.createdAt ?? now, updatedAt: known?.updatedAt ?? now)
        if rule != known { rule.updatedAt = now }
        return rule
    }
}
