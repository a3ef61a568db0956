import AdapterKit
import GatewayCore
import GatewayModel
import WorkflowEngine

/// Reads the workflows of a PUT, checks all of them, and finds out which of the stored ones they are.
struct WorkflowsReader {
    let channels: Channels
    let stored: [Workflow]
    let now: Timestamp

    /// The set as it is to stand; throws every fault.
    func read(_ json: JSONValue) throws(Faults) -> [Workflow] {
        var reader = try ObjectReader(json, path: "")
        let workflows = reader.list("workflows", required: true, count: 1...100) { (json: JSONValue, path: String) throws(Faults) in
            try workflow(json, path: path)
        }
        try reader.finish()
        let read = workflows ?? []
        var faults: [Fault] = []
        for (index, workflow) in read.enumerated() {
            if read[..<index].contains(where: { $0.workflowKey == workflow.workflowKey }) {
                faults.append(Fault("workflows[\(index)].workflowKey", "is used by another workflow"))
            }
            if read[..<index].contains(where: { $0.id == workflow.id }) {
                faults.append(Fault("workflows[\(index)].id", "is used by another workflow"))
            }
        }
        guard faults.isEmpty else { throw Faults(faults) }
        return read
    }

    private func workflow(_ json: JSONValue, path: String) throws(Faults) -> Workflow {
        var reader = try ObjectReader(json, path: path)
        let id: WorkflowID? = reader.id("id")
        let key = reader.string("workflowKey", required: true, maximum: 120) ?? ""
        let known = stored.first { $0.id == id } ?? stored.first { $0.workflowKey == key }
        let name = reader.string("name", required: true, maximum: 160) ?? ""
        let description = reader.string("description", maximum: 500)
        let enabled = reader.bool("enabled") ?? true
        let validDays = reader.int("quoteValidDaysOverride", in: 1...365)
        let paymentDays = reader.int("quotePaymentDaysOverride", in: 1...365)
        var position = 0
        let steps = reader.list("steps", required: true, count: 1...50) { (json: JSONValue, path: String) throws(Faults) in
            defer { position += 1 }
            return try step(json, path: path, position: position, known: known?.steps ?? [])
        }
        // Told by the answer to a GET, so that one can be put back as it came.
        _ = reader.time("createdAt")
        _ = reader.time("updatedAt")
        for (index, step) in (steps ?? []).enumerated() {
            let earlier = (steps ?? [])[..<index]
            let stepPath = "steps[\(index)]"
            if earlier.contains(where: { $0.naturalKey == step.naturalKey }) {
                reader.fault(stepPath, "has the trigger, channel, audience and stepOrder of another step")
            }
            if earlier.contains(where: { $0.id == step.id }) { reader.fault(stepPath + ".id", "is used by another step") }
        }
        try reader.finish()
        var workflow = Workflow(
            id: id ?? known?.id ?? .make(), workflowKey: key, name: name, description: description, enabled: enabled,
            quoteValidDaysOverride: validDays.map(Int.init), quotePaymentDaysOverride: paymentDays.map(Int.init), steps: steps ?? [],
            createdAt: known?.createdAt ?? now, updatedAt: known?.updatedAt ?? now)
        if workflow != known { workflow.updatedAt = now }
        return workflow
    }

    private func step(_ json: JSONValue, path: String, position: Int, known: [Step]) throws(Faults) -> Step {
        var reader = try ObjectReader(json, path: path)
        let id: StepID? = reader.id("id")
        let trigger = reader.string("trigger", required: true, maximum: 100) ?? ""
        let channel = ChannelName(rawValue: reader.string("channel", required: true) ?? "")
        let audience = reader.choice("audience", as: Audience.self) ?? .lead
        let action = reader.string("action") ?? "send_message"
        if action != "send_message" { reader.fault("action", "must be send_message") }
        let order = reader.int("stepOrder", in: 1...1_000_000) ?? Int64((position + 1) * 10)
        let delay = reader.int("delayMinutes", in: 0...525_600) ?? 0
        let enabled = reader.bool("enabled") ?? true
        let subject = reader.string("templateSubject", maximum: 500, allowBlank: true)
        let body = reader.string("templateBody", maximum: 12_000, allowBlank: true)
        let template = reader.object("whatsappTemplate").map { JSONValue.object($0) }
        let orderPerQuote = reader.bool("orderPerQuote") ?? false
        let stopOnReply = reader.bool("stopOnReply") ?? false
        var recipients: RecipientConfig?
        if let value = reader.value("recipientConfig"), !value.isNull {
            do { recipients = try RecipientConfig(json: value, path: reader.path(of: "recipientConfig")) } catch { reader.add(error) }
        }
        if let descriptor = channels.descriptor(channel) {
            do {
                _ = try ContentRenderer(
                    ContentTemplates(form: descriptor.contentForm, subject: subject, body: body, chatTemplate: template, dataType: trigger))
            } catch {
                for fault in error.list { reader.fault(fault.path, fault.message) }
            }
        } else if !channel.rawValue.isEmpty {
            reader.fault("channel", "must be one of " + channels.installed.map(\.channel.rawValue).sorted().joined(separator: ", "))
        }
        try reader.finish()
        var step = Step(
            id: id ?? .make(), trigger: trigger, channel: channel, audience: audience, action: action, stepOrder: Int(order), delayMinutes: Int(delay),
            enabled: enabled, recipients: recipients, templateSubject: subject, templateBody: body, whatsappTemplate: template,
            orderPerQuote: orderPerQuote, stopOnReply: stopOnReply)
        if id == nil, let known = known.first(where: { $0.naturalKey == step.naturalKey }) { step.id = known.id }
        return step
    }
}

extension Step {
    /// What tells a step from the others of its workflow when its id is not said.
    struct NaturalKey: Hashable {
        var trigger: String
        var channel: ChannelName
        var audience: Audience
        var stepOrder: Int
    }

    var naturalKey: NaturalKey { NaturalKey(trigger: trigger, channel: channel, audience: audience, stepOrder: stepOrder) }
}

extension RecipientConfig {
    init(json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        self.init(
            includeLeadContact: reader.bool("includeLeadContact") ?? false, includePartner: reader.bool("includePartner") ?? false,
            includeAssignedAgent: reader.bool("includeAssignedAgent") ?? false, includeInternal: reader.bool("includeInternal") ?? false,
            customEmails: Self.spoken(reader.strings("customEmails")), customPhones: Self.spoken(reader.strings("customPhones")),
            customEndpoints: Self.spoken(reader.strings("customEndpoints")))
        try reader.finish()
    }

    /// Without the blank entries, which mean nothing.
    private static func spoken(_ texts: [String]?) -> [String] { (texts ?? []).filter { !$0.allSatisfy(\.isWhitespace) } }
}
