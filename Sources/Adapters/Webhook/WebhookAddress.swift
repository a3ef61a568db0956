import AdapterKit

/// Reads the URL of a receiver.
enum WebhookAddress {
    /// The URL in canonical form: scheme and host in lower case, no default port, no fragment.
    static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        let start = address.drop(while: \.isWhitespace)
        let trimmed = start.lastIndex { !$0.isWhitespace }.map { String(start[...$0]) } ?? ""
        guard let url = WebURL(trimmed) else { throw EndpointError("must be an absolute http or https URL in ASCII") }
        // The canonical form has no place for them, and a secret in an address would be shown wherever the address is.
        if url.hasCredentials { throw EndpointError("a URL may not carry a user name or password") }
        return Endpoint(channel: .webhook, address: url.text)
    }
}
