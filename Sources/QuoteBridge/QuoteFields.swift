import AdapterKit
import GatewayModel
import WorkflowEngine

/// The fields of an event over what is remembered of its quote, as the planner wants them.
struct QuoteFields {
    let json: [String: JSONValue]

    /// What an event says, and where it is silent what the quote's earlier events said.
    init(_ event: [String: JSONValue], over remembered: JSONValue?) {
        let known = remembered?.objectValue ?? [:]
        var merged = known.merging(event) { _, new in new }
        if let old = known["variables"], let new = event["variables"] { merged["variables"] = old.merging(new) }
        json = merged
    }

    /// What is remembered: what later events of the quote are enriched with.
    var remembered: JSONValue {
        var fields = json
        for name in ["reason", "signatureName"] { fields[name] = nil }
        return .object(fields)
    }

    func text(_ name: String) -> String? {
        json[name]?.stringValue.flatMap { text in text.allSatisfy(\.isWhitespace) ? nil : text }
    }
    var totalCents: Int64? { json["totalCents"]?.intValue }
    var validUntil: Timestamp? { text("validUntil").flatMap { Timestamp($0) } }
    var isOptedIn: Bool { json["whatsappOptedIn"]?.boolValue ?? true }

    var facts: LeadFacts {
        LeadFacts(source: text("leadSource"), serviceType: text("leadServiceType"), pipelineStage: text("pipelineStage"))
    }
    var lead: Contact { Contact(email: text("consumerEmail"), phone: text("consumerPhone")) }
    var agent: Contact { Contact(email: text("agentEmail"), phone: text("agentPhone")) }

    func variables(
        quoteID: QuoteID?, leadID: LeadID?, publicToken: String?, organization: Organization?, configuration: BridgeConfiguration
    ) -> TemplateVariables {
        let agent = VariableInput.Person(name: text("agentName"), email: text("agentEmail"), phone: text("agentPhone"))
        return TemplateVariables(
            VariableInput(
                lead: .init(
                    id: leadID?.text, name: text("consumerName"), email: text("consumerEmail"), phone: text("consumerPhone"),
                    serviceType: text("leadServiceType"), source: text("leadSource")),
                agent: agent, partner: agent,
                organization: .init(name: text("organizationName") ?? organization?.name, reviewURL: text("reviewUrl")),
                quote: .init(
                    id: quoteID?.text, number: text("quoteNumber"), totalCents: totalCents, currency: text("currency"),
                    publicToken: publicToken, leadToken: text("leadToken"), reason: text("reason"), validUntil: validUntil),
                locale: text("locale") ?? organization?.locale ?? configuration.locale, timeZone: text("timeZone"),
                publicBaseURL: configuration.publicBaseURL, apiBaseURL: configuration.apiBaseURL,
                variables: json["variables"] ?? .object([:])))
    }
}
