import AdapterKit
import Signing

/// Tells whether a call is Meta's: `X-Hub-Signature-256` is HMAC-SHA256 of the raw body under the app's secret.
enum CallbackSignature {
    static func isValid(_ callback: InboundCallback, secret: Secret) -> Bool {
        guard let header = callback.headers["x-hub-signature-256"], header.hasPrefix("sha256="), let given = Hex.decode(header.dropFirst(7))
        else { return false }
        return HMACSHA256(key: Array(secret.reveal().utf8)).isValid(given, for: callback.body)
    }

    /// The challenge to repeat when Meta asks whether the callback address is ours; `nil` for anybody else.
    static func challenge(_ callback: InboundCallback, token: Secret) -> String? {
        guard callback.query["hub.mode"] == "subscribe", let given = callback.query["hub.verify_token"],
            ConstantTime.equal(given, token.reveal())
        else {
            return nil
        }
        return callback.query["hub.challenge"]
    }
}
