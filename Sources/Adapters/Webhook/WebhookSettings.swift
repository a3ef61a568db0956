import AdapterKit

/// The settings of calls to plain URLs.
struct WebhookSettings: Sendable {
    static let longestTimeout = Duration.seconds(30)

    static let specs = [
        FieldSpec("timeout", .duration, default: "15s", doc: "How long a receiver may take to answer, at most 30s."),
        FieldSpec(
            "secret", .string, required: true, secret: true,
            doc: "Signs every call: whsec_ and 24 to 64 random bytes in base64 (Standard Webhooks)."),
    ]

    let timeout: Duration
    let signature: WebhookSignature
    let network: NetworkPolicy

    /// Throws every fault of the settings.
    init(_ settings: AdapterSettings) throws(Faults) {
        var faults: [Fault] = []
        timeout = settings.duration("timeout") ?? .seconds(15)
        if timeout <= .zero || timeout > Self.longestTimeout {
            faults.append(Fault("timeout", "must be more than nothing and at most 30s"))
        }
        let signature = settings.secret("secret").flatMap { WebhookSignature(secrets: [$0]) }
        if signature == nil { faults.append(Fault("secret", "must be whsec_ and 24 to 64 bytes in base64")) }
        guard let signature, faults.isEmpty else { throw Faults(faults) }
        self.signature = signature
        network = settings.network
    }
}
