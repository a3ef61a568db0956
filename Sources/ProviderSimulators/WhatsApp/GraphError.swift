import AdapterKit

/// An error as the Graph API reports it, in a reply or in a status callback.
public struct GraphError: Hashable, Sendable {
    public var code: Int
    /// Goes into `error_data.details`.
    public var details: String
    public var isTransient: Bool
    /// The status of a reply that carries the error.
    public var status: Int

    /// An error with the status and the transience that the Cloud API gives to its code, unless told otherwise.
    public init(_ code: Int, details: String = "Simulated", isTransient: Bool? = nil, status: Int? = nil) {
        self.code = code
        self.details = details
        self.isTransient = isTransient ?? Self.transientCodes.contains(code)
        self.status = status ?? Self.status(of: code)
    }

    private static let transientCodes: Set<Int> = [1, 2, 4, 80_007, 130_429, 131_000, 131_016, 131_056, 131_057, 133_004]

    // "WhatsApp Cloud API: Error Codes" names a status for each code.
    private static func status(of code: Int) -> Int {
        switch code {
        case 0, 190: 401
        case 3, 10, 200...299, 368, 130_497, 131_005, 131_031: 403
        case 2, 131_016, 133_004: 503
        case 4, 80_007, 130_429, 131_056: 429
        case 1, 131_000, 131_057: 500
        case 132_001: 404
        default: 400
        }
    }

    private var message: String { "(#\(code)) Simulated error" }

    /// The body of a reply that carries the error.
    var body: JSONValue {
        [
            "error": [
                "message": .string(message), "type": "OAuthException", "code": .int(Int64(code)),
                "error_data": ["messaging_product": "whatsapp", "details": .string(details)],
                "is_transient": .bool(isTransient), "fbtrace_id": "Simulated",
            ]
        ]
    }

    var answer: HTTPAnswer { HTTPAnswer(status, json: body) }

    /// The error as an element of `statuses[].errors`.
    var statusError: JSONValue {
        [
            "code": .int(Int64(code)), "title": "Simulated error", "message": .string(message),
            "error_data": ["details": .string(details)],
        ]
    }
}
