import AdapterKit

extension HTTPRequest {
    /// Why a request cannot be put on the wire as it stands; `nil` when it can.
    ///
    /// A line break in a header or method would let its author write further headers or a second request.
    func fault(of url: WebURL?) -> String? {
        guard let url else { return "the URL is not an absolute http or https URL" }
        if url.hasCredentials { return "the URL carries a user name or password" }
        if !Self.isToken(method) { return "the method is not a token" }
        for header in headers {
            if !Self.isToken(header.name) { return "a header's name is not a token" }
            if header.value.utf8.contains(where: { $0 == 0x0D || $0 == 0x0A || $0 == 0 }) {
                return "a header's value has a line break or a NUL"
            }
            if Self.framing.contains(header.name.lowercased()) { return "the header \(header.name.lowercased()) is the transport's own" }
        }
        return nil
    }

    /// What decides where a request ends and whether the connection lives on.
    private static let framing: Set<String> = ["connection", "content-length", "expect", "transfer-encoding", "upgrade"]

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: tokenMarks.contains(byte)
                }
            }
    }

    private static let tokenMarks = Array("!#$%&'*+-.^_`|~".utf8)
}
