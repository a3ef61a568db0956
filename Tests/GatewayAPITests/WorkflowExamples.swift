import AdapterKit
import GatewayModel

/// Workflows as a caller writes them.
enum WorkflowExamples {
    static func step(_ more: JSONValue = [:]) -> JSONValue {
        let step: JSONValue = [
            "trigger": "quote_sent", "channel": "email", "stepOrder": 10, "templateSubject": "Hi", "templateBody": "There",
        ]
        return step.merging(more)
    }

    static func workflow(_ key: String, _ steps: JSONValue...) -> JSONValue {
        ["workflowKey": .string(key), "name": .string("The \(key)"), "steps": .array(steps.isEmpty ? [step()] : steps)]
    }

    /// Everything that a workflow and a step can say.
    static let everything: JSONValue = [
        "workflowKey": "all", "name": "All", "description": "Every member", "enabled": false, "quoteValidDaysOverride": 30,
        "quotePaymentDaysOverride": 14,
        "steps": [
            [
                "trigger": "quote_sent", "channel": "whatsapp", "audience": "partner", "action": "send_message", "stepOrder": 7,
                "delayMinutes": 525_600, "enabled": false, "orderPerQuote": true, "stopOnReply": true,
                "recipientConfig": [
                    "includeLeadContact": true, "includePartner": true, "includeAssignedAgent": true, "includeInternal": true,
                    "customEmails": ["a@b.example"], "customPhones": ["+31612345678"], "customEndpoints": ["https://hook.example/x"],
                ],
                "whatsappTemplate": ["name": "hello", "language": "nl", "components": []],
            ],
            [
                "trigger": "my_own_trigger", "channel": "email", "audience": "internal", "action": "send_message", "stepOrder": 1_000_000,
                "delayMinutes": 0, "enabled": true, "orderPerQuote": false, "stopOnReply": false,
                "recipientConfig": [
                    "includeLeadContact": false, "includePartner": false, "includeAssignedAgent": false, "includeInternal": false,
                    "customEmails": [], "customPhones": [], "customEndpoints": [],
                ],
                "templateSubject": "S", "templateBody": "<p>B</p>",
            ],
        ],
    ]

    /// The workflow as its caller wrote it: without the ids and times that the gateway gave.
    static func withoutStamps(_ workflow: JSONValue) -> JSONValue {
        var members = workflow.objectValue ?? [:]
        for name in ["id", "createdAt", "updatedAt"] { members[name] = nil }
        members["steps"] = .array(
            (workflow["steps"]?.arrayValue ?? []).map { step in
                var members = step.objectValue ?? [:]
                members["id"] = nil
                return .object(members)
            })
        return .object(members)
    }
}
