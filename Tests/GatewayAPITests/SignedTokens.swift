import AdapterKit
import JWTKit

/// Makes tokens as another system would.
enum SignedTokens {
    static func hs256(_ secret: Secret, _ claims: JSONValue) async throws -> String {
        let keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: secret.reveal()), digestAlgorithm: .sha256)
        return try await keys.sign(Claims(claims))
    }

    /// Claims as they stand, whatever they are.
    struct Claims: JWTPayload {
        private let json: JSONValue

        init(_ json: JSONValue) { self.json = json }
        init(from decoder: any Decoder) throws { json = .null }
        func verify(using algorithm: some JWTAlgorithm) throws {}

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Name.self)
            for (name, value) in json.objectValue ?? [:] { try container.encode(Value(value), forKey: Name(name)) }
        }
    }

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private struct Value: Encodable {
        private let json: JSONValue
        init(_ json: JSONValue) { self.json = json }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch json {
            case .null: try container.encodeNil()
            case .bool(let value): try container.encode(value)
            case .int(let value): try container.encode(value)
            case .double(let value): try container.encode(value)
            case .string(let value): try container.encode(value)
            case .array(let elements): try container.encode(elements.map(Value.init))
            case .object(let members): try container.encode(members.mapValues(Value.init))
            }
        }
    }
}
