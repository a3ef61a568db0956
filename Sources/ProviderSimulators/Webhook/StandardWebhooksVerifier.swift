import AdapterKit
import Signing

/// The receiver's side of Standard Webhooks 1.0.0: `v1` signatures, HMAC-SHA256 over id, timestamp and body joined by dots.
struct StandardWebhooksVerifier: Sendable {
    /// How far the timestamp may lie from now, either way.
    private static let tolerance: Int64 = 300

    private let key: HMACSHA256

    /// `nil` for what is not `whsec_` and Base64, or Base64 alone.
    init?(secret: String) {
        let encoded = secret.hasPrefix("whsec_") ? String(secret.dropFirst(6)) : secret
        guard let bytes = Base64.decode(encoded), !bytes.isEmpty else { return nil }
        key = HMACSHA256(key: bytes)
    }

    func isGenuine(_ request: ReceivedRequest) -> Bool {
        guard let id = request.header("webhook-id"), let time = request.header("webhook-timestamp"), let seconds = Int64(time),
            let signatures = request.header("webhook-signature"),
            (-Self.tolerance...Self.tolerance).contains(request.receivedAt.secondsSinceEpoch - seconds)
        else { return false }
        let code = key.code(for: Array("\(id).\(time).".utf8), request.body)
        return signatures.split(separator: " ").contains { signature in
            guard signature.hasPrefix("v1,"), let claimed = Base64.decode(String(signature.dropFirst(3))) else { return false }
            return ConstantTime.equal(claimed, code)
        }
    }
}
