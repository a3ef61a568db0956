import AdapterKit
import GatewayCore
import GatewayModel
import WorkflowEngine

/// Reads the flat form of a PUT: a list of steps, which become those of the default workflow.
struct FlatWorkflowReader {
    let channels: Channels
    let stored: [Workflow]
    let language: Language
    let now: Timestamp

    /// Whether a body has the flat form: its elements have a trigger and no steps.
    static func recognizes(_ json: JSONValue) -> Bool {
        guard let elements = json["workflows"]?.arrayValue, let first = elements.first else { return false }
        return first["trigger"] != nil && first["steps"] == nil
    }

    /// The whole set with the default workflow's steps replaced; throws every fault.
    func read(_ json: JSONValue) throws(Faults) -> [Workflow] {
        var reader = try ObjectReader(json, path: "")
        var position = 0
        let steps = reader.list("workflows", required: true, count: 1...WorkflowsReader.mostSteps) {
            (json: JSONValue, path: String) throws(Faults) in
            position += 1
            return try step(json, path: path, position: position)
        }
        try reader.finish()
        var workflow =
            stored.first { $0.workflowKey == DefaultWorkflow.key }
            ?? Workflow(id: .make(), workflowKey: DefaultWorkflow.key, name: "Default", steps: [], createdAt: now, updatedAt: now)
        workflow.steps = Self.keeping(workflow.steps, in: steps ?? [])
        workflow.updatedAt = now
        guard let place = stored.firstIndex(where: { $0.id == workflow.id }) else { return stored + [workflow] }
        var all = stored
        all[place] = workflow
        return all
    }

    /// The steps with the ids of the stored ones they are, and with what the flat form has no words for.
    private static func keeping(_ known: [Step], in steps: [Step]) -> [Step] {
        // The form knows no order of its own, so that places shift: what stands at no known place is the next of its kind.
        var free = known
        let exact = steps.map { step in
            free.firstIndex { $0.naturalKey == step.naturalKey }.map { free.remove(at: $0) }
        }
        return zip(steps, exact).map { step, exact in
            let kin =
                exact == nil
                ? free.firstIndex { ($0.trigger, $0.channel, $0.audience) == (step.trigger, step.channel, step.audience) } : nil
            guard let same = exact ?? kin.map({ free.remove(at: $0) }) else { return step }
            var kept = step
            kept.id = same.id
            kept.recipients = same.recipients
            kept.whatsappTemplate = same.whatsappTemplate
            kept.orderPerQuote = same.orderPerQuote
            kept.stopOnReply = same.stopOnReply
            return kept
        }
    }

    private func step(_ json: JSONValue, path: String, position: Int) throws(Faults) -> Step {
        var reader = try ObjectReader(json, path: path)
        let trigger = reader.string("trigger", required: true, maximum: 100) ?? ""
        let channel = reader.installedChannel(among: channels)
        let audience = reader.audience()
        let enabled = reader.bool("enabled") ?? true
        let delay = reader.int("delayMinutes", in: 0...525_600) ?? 0
        if reader.string("leadSource") != nil { reader.fault("leadSource", "belongs to an assignment rule") }
        let body = reader.string("templateText", maximum: 12_000, allowBlank: true)
        var subject = reader.string("templateSubject", maximum: 500)
        if let form = channels.descriptor(channel)?.contentForm {
            if form == .mail, subject == nil { subject = DefaultWorkflow.subject(of: trigger, audience: audience.rawValue, in: language) }
            do {
                _ = try ContentRenderer(ContentTemplates(form: form, subject: subject, body: body, dataType: trigger))
            } catch {
                for fault in error.list { reader.fault(fault.path == "templateBody" ? "templateText" : fault.path, fault.message) }
            }
        }
        try reader.finish()
        return Step(
            id: .make(), trigger: trigger, channel: channel, audience: audience, stepOrder: position * 10, delayMinutes: Int(delay),
            enabled: enabled, templateSubject: subject, templateBody: body)
    }
}
