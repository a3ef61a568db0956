import AdapterKit
import GatewayCore
import GatewayModel
import WorkflowEngine

/// Reads workflows and steps of a call, checks all of them, and finds out which of the stored ones they are: by id, else by natural key.
struct WorkflowsReader {
    static let mostWorkflows = 100
    static let mostSteps = 50

    let channels: Channels
    let stored: [Workflow]
    let now: Timestamp
    /// Ids that the call names itself: what has one of them is found by no other's key.
    private var named: Set<String> = []

    init(channels: Channels, stored: [Workflow], now: Timestamp) {
        self.channels = channels
        self.stored = stored
        self.now = now
    }

    /// The set as it is to stand; throws every fault.
    func read(_ json: JSONValue) throws(Faults) -> [Workflow] {
        var naming = self
        for workflow in json["workflows"]?.arrayValue ?? [] { naming.noteIDs(in: workflow) }
        let reading = naming
        var reader = try ObjectReader(json, path: "")
        let workflows = reader.list("workflows", required: true, count: 1...Self.mostWorkflows) {
            (json: JSONValue, path: String) throws(Faults) in
            try reading.workflow(json, path: path)
        }
        try reader.finish()
        let read = workflows ?? []
        let faults = read.indices.flatMap { Self.collisions(of: read[$0], with: read[..<$0], path: "workflows[\($0)]") }
        guard faults.isEmpty else { throw Faults(faults) }
        return read
    }

    private mutating func noteIDs(in json: JSONValue) {
        for one in [json] + (json["steps"]?.arrayValue ?? []) {
            if let id = one["id"]?.stringValue { named.insert(id.lowercased()) }
        }
    }

    /// What a workflow has that another one has as well.
    static func collisions(of workflow: Workflow, with others: some Collection<Workflow>, path: String) -> [Fault] {
        let prefix = path.isEmpty ? "" : path + "."
        var faults: [Fault] = []
        if others.contains(where: { $0.workflowKey == workflow.workflowKey }) {
            faults.append(Fault(prefix + "workflowKey", "is used by another workflow"))
        }
        if others.contains(where: { $0.id == workflow.id }) { faults.append(Fault(prefix + "id", "is used by another workflow")) }
        let steps = Set(others.flatMap(\.steps).map(\.id))
        for (index, step) in workflow.steps.enumerated() where steps.contains(step.id) {
            faults.append(Fault("\(prefix)steps[\(index)].id", "is used by a step of another workflow"))
        }
        return faults
    }

    // MARK: One workflow

    func workflow(_ json: JSONValue, path: String) throws(Faults) -> Workflow {
        var reader = try ObjectReader(json, path: path)
        let id: WorkflowID? = reader.id("id")
        let key = reader.string("workflowKey", required: true, maximum: 120) ?? ""
        let known = stored.first { $0.id == id } ?? stored.first { $0.workflowKey == key && !named.contains($0.id.description) }
        let name = reader.string("name", required: true, maximum: 160) ?? ""
        let description = reader.string("description", maximum: 500)
        let enabled = reader.bool("enabled") ?? true
        let validDays = reader.int("quoteValidDaysOverride", in: 1...365)
        let paymentDays = reader.int("quotePaymentDaysOverride", in: 1...365)
        var position = 0
        let steps = reader.list("steps", required: true, count: 1...Self.mostSteps) { (json: JSONValue, path: String) throws(Faults) in
            position += 1
            return try step(json, path: path, defaultOrder: position * 10, known: known?.steps ?? [])
        }
        // Told by the answer to a GET, so that one can be put back as it came.
        _ = reader.time("createdAt")
        _ = reader.time("updatedAt")
        for index in (steps ?? []).indices { Self.faultCollisions(of: index, in: steps ?? [], &reader) }
        try reader.finish()
        var workflow = Workflow(
            id: known?.id ?? id ?? .make(), workflowKey: key, name: name, description: description, enabled: enabled,
            quoteValidDaysOverride: validDays.map(Int.init), quotePaymentDaysOverride: paymentDays.map(Int.init), steps: steps ?? [],
            createdAt: known?.createdAt ?? now, updatedAt: known?.updatedAt ?? now)
        if workflow != known { workflow.updatedAt = now }
        return workflow
    }

    private static func faultCollisions(of index: Int, in steps: [Step], _ reader: inout ObjectReader) {
        let earlier = steps[..<index]
        if earlier.contains(where: { $0.naturalKey == steps[index].naturalKey }) { reader.fault("steps[\(index)]", Self.naturalKeyFault) }
        if earlier.contains(where: { $0.id == steps[index].id }) { reader.fault("steps[\(index)].id", "is used by another step") }
    }

    private static let naturalKeyFault = "has the trigger, channel, audience and stepOrder of another step"

    // MARK: One step

    /// A step that is to stand beside `others`.
    func step(_ json: JSONValue, beside others: [Step], replacing known: [Step] = []) throws(Faults) -> Step {
        let order = min((others.map(\.stepOrder).max() ?? 0) / 10 * 10 + 10, 1_000_000)
        let step = try step(json, path: "", defaultOrder: order, known: known)
        var faults: [Fault] = []
        if others.contains(where: { $0.naturalKey == step.naturalKey }) { faults.append(Fault("stepOrder", Self.naturalKeyFault)) }
        if stored.flatMap(\.steps).contains(where: { other in other.id == step.id && !known.contains { $0.id == other.id } }) {
            faults.append(Fault("id", "is used by another step"))
        }
        guard faults.isEmpty else { throw Faults(faults) }
        return step
    }

    private func step(_ json: JSONValue, path: String, defaultOrder: Int, known: [Step]) throws(Faults) -> Step {
        var reader = try ObjectReader(json, path: path)
        let id: StepID? = reader.id("id")
        let trigger = reader.string("trigger", required: true, maximum: 100) ?? ""
        let channel = reader.installedChannel(among: channels)
        let audience = reader.audience()
        let action = reader.string("action") ?? "send_message"
        if action != "send_message" { reader.fault("action", "must be send_message") }
        let order = reader.int("stepOrder", in: 1...1_000_000) ?? Int64(defaultOrder)
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
        if let form = channels.descriptor(channel)?.contentForm {
            do {
                _ = try ContentRenderer(
                    ContentTemplates(form: form, subject: subject, body: body, chatTemplate: template, dataType: trigger))
            } catch {
                for fault in error.list { reader.fault(fault.path, fault.message) }
            }
        }
        try reader.finish()
        var step = Step(
            id: .make(), trigger: trigger, channel: channel, audience: audience, action: action, stepOrder: Int(order),
            delayMinutes: Int(delay),
            enabled: enabled, recipients: recipients, templateSubject: subject, templateBody: body, whatsappTemplate: template,
            orderPerQuote: orderPerQuote, stopOnReply: stopOnReply)
        let same = known.first { $0.id == id } ?? known.first { $0.naturalKey == step.naturalKey && !named.contains($0.id.description) }
        step.id = same?.id ?? id ?? step.id
        return step
    }
}

extension ObjectReader {
    /// `channel`: one that is installed.
    mutating func installedChannel(among channels: Channels) -> ChannelName {
        let name = ChannelName(rawValue: string("channel", required: true) ?? "")
        if !name.rawValue.isEmpty, !channels.isInstalled(name) {
            fault("channel", "must be one of " + channels.installed.map(\.channel.rawValue).sorted().joined(separator: ", "))
        }
        return name
    }

    /// `audience`, in any case of its letters; the lead when it is left out.
    mutating func audience() -> Audience {
        guard let text = string("audience") else { return .lead }
        if let audience = Audience(rawValue: text.lowercased()) { return audience }
        fault("audience", "must be one of " + Audience.allCases.map(\.rawValue).joined(separator: ", "))
        return .lead
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
