import AdapterContract
import AdapterKit
import Testing

/// The written spec of a channel and what its code declares are the same.
@Suite("Channel specs")
struct SpecTests {
    @Test(arguments: InstalledChannels.names)
    func describeTheChannel(_ channel: String) throws {
        let spec = try InstalledChannels.spec(channel)
        let type = try InstalledChannels.type(channel)
        let descriptor = type.descriptor
        #expect(spec["channel"]?.stringValue == channel)
        #expect(spec["title"]?.stringValue == descriptor.title)
        #expect(spec["addressKind"]?.stringValue == descriptor.addressKind.rawValue)
        #expect(spec["contentForm"]?.stringValue == descriptor.contentForm.rawValue)
        #expect(spec["circuitScope"]?.stringValue == descriptor.circuitScope.rawValue)
        #expect(spec["capabilities"]?["callbacks"]?.boolValue == (type is any CallbackReceiving.Type))
        let idempotency = spec["idempotency"]
        #expect(idempotency?["lostAnswer"]?.stringValue == descriptor.lostAnswer.rawValue)
        #expect(idempotency?["quietTime"]?.stringValue.flatMap { Duration(configuration: $0) } == descriptor.quietTime)
        #expect(idempotency?["deadline"]?.stringValue.flatMap { Duration(configuration: $0) } == descriptor.deadline)
        let limits = spec["limits"]
        #expect(limits?["attemptTimeout"]?.stringValue.flatMap { Duration(configuration: $0) } == descriptor.attemptTimeout)
        #expect(limits?["concurrency"]?.intValue == Int64(descriptor.concurrency))
        #expect(limits?["perEndpoint"]?.intValue == Int64(descriptor.perEndpoint))
        #expect(limits?["recipientInterval"]?.stringValue.flatMap { Duration(configuration: $0) } == descriptor.recipientRate?.interval)
        #expect(limits?["recipientBurst"]?.intValue == descriptor.recipientRate.map { Int64($0.burst) })
    }

    @Test(arguments: InstalledChannels.names)
    func listTheSettings(_ channel: String) throws {
        let written = try InstalledChannels.spec(channel)["settings"]
        let declared = try InstalledChannels.type(channel).descriptor.settings
        #expect(written == Self.json(declared))
    }

    private static func json(_ specs: [FieldSpec]) -> JSONValue {
        .array(
            specs.map { spec in
                var object: [String: JSONValue] = ["key": .string(spec.key), "doc": .string(spec.doc)]
                if spec.isRequired { object["required"] = true }
                if spec.isSecret { object["secret"] = true }
                object["default"] = spec.defaultValue
                switch spec.kind {
                case .string: object["type"] = "string"
                case .integer: object["type"] = "integer"
                case .boolean: object["type"] = "boolean"
                case .duration: object["type"] = "duration"
                case .url(let schemes): (object["type"], object["schemes"]) = ("url", .array(schemes.map(JSONValue.string)))
                case .choice(let choices): (object["type"], object["choices"]) = ("choice", .array(choices.map(JSONValue.string)))
                case .strings: object["type"] = "strings"
                case .objects(let fields): (object["type"], object["fields"]) = ("objects", json(fields))
                }
                return .object(object)
            })
    }
}
