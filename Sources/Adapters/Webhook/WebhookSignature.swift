import AdapterKit
import Signing

/// Signs calls after Standard Webhooks 1.0.0, scheme v1: HMAC-SHA256 over `id.timestamp.body`.
///
/// Two secrets give two signatures in one header, so that a receiver can change its secret without missing a call.
struct WebhookSignature: Sendable {
    private let keys: [HMACSHA256]

    /// `nil` unless every secret is `whsec_` and 24 to 64 bytes in base64.
    init?(secrets: [Secret]) {
        var keys: [[UInt8]] = []
        for secret in secrets {
            let text = secret.reveal()
            guard text.hasPrefix("whsec_"), let key = Base64.decode(String(text.dropFirst(6))), (24...64).contains(key.count) else {
                return nil
            }
            keys.append(key)
        }
        guard !keys.isEmpty else { return nil }
        self.init(keys: keys)
    }

    init(keys: [[UInt8]]) { self.keys = keys.map(HMACSHA256.init) }

    /// The three headers of a call made at `time`. The id stays the same on every try and holds no full stop; the time is this try's.
    func headers(id: String, at time: Timestamp, body: [UInt8]) -> [HTTPHeader] {
        let seconds = String(time.secondsSinceEpoch)
        let prefix = Array("\(id).\(seconds).".utf8)
        let signatures = keys.map { "v1," + Base64.encode($0.code(for: prefix, body)) }
        return [
            HTTPHeader("webhook-id", id), HTTPHeader("webhook-timestamp", seconds),
            HTTPHeader("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
