public import AdapterKit

/// The form in which callers see it, and in which stores keep it.
extension RecipientConfig {
    public var json: JSONValue {
        [
            "includeLeadContact": .bool(includeLeadContact), "includePartner": .bool(includePartner),
            "includeAssignedAgent": .bool(includeAssignedAgent), "includeInternal": .bool(includeInternal),
            "customEmails": .array(customEmails.map { .string($0) }), "customPhones": .array(customPhones.map { .string($0) }),
            "customEndpoints": .array(customEndpoints.map { .string($0) }),
        ]
    }

    /// Reads what a store kept; `nil` for what is no object.
    public init?(stored json: JSONValue) {
        guard json.objectValue != nil else { return nil }
        func says(_ key: String) -> Bool { json[key]?.boolValue ?? false }
        func list(_ key: String) -> [String] { json[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
        self.init(
            includeLeadContact: says("includeLeadContact"), includePartner: says("includePartner"),
            includeAssignedAgent: says("includeAssignedAgent"), includeInternal: says("includeInternal"),
            customEmails: list("customEmails"), customPhones: list("customPhones"), customEndpoints: list("customEndpoints"))
    }
}
