import AdapterKit

/// What mail content must keep to before it can become a message: everything that would end up in a header is refused, never mended,
/// when it could break out of its place.
enum MailContentRules {
    /// The largest message as it goes over the wire. Big mailbox providers take 25 MB, counted after encoding.
    static let maximumSize = 25 * 1024 * 1024

    /// Every fault of the content, with its path.
    static func faults(of content: MailContent, path: String = "content") -> [Fault] {
        var faults: [Fault] = []
        func check(_ value: String, at member: String) -> Bool {
            guard value.unicodeScalars.contains(where: MIMEEncoding.isControl) else { return true }
            faults.append(Fault(path + "." + member, "may not hold line breaks or control characters"))
            return false
        }
        _ = check(content.subject, at: "subject")
        for (index, attachment) in content.attachments.enumerated() {
            faults += attachment.faults(path: "\(path).attachments[\(index)]")
        }
        var seen: Set<String> = []
        for (name, value) in content.headers.sorted(by: { $0.key < $1.key }) {
            if let reason = fault(ofHeaderName: name) {
                faults.append(Fault(path + ".headers", reason))
                continue
            }
            let place = "headers.\(name)"
            if !seen.insert(name.lowercased()).inserted { faults.append(Fault("\(path).\(place)", "is given twice in different case")) }
            if check(value, at: place), let reason = fault(of: value, in: name) { faults.append(Fault("\(path).\(place)", reason)) }
        }
        return faults
    }

    /// What is wrong with the content's size; asked when it is planned, for it takes encoding the whole of it.
    static func fault(ofSize content: MailContent, path: String = "content") -> Fault? {
        guard MIMEMessage.size(of: content) > maximumSize else { return nil }
        return Fault(path, "makes a message larger than \(maximumSize / 1_048_576) MiB")
    }

    // MARK: - Custom headers

    /// Headers that say where a message comes from, goes to, or how it is built: the gateway's own, or a relay's.
    private static let structural: Set<String> = [
        "from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "mime-version", "auto-submitted", "received", "received-spf",
        "return-path",
        "delivered-to", "dkim-signature", "domainkey-signature", "authentication-results",
    ]
    private static let structuralPrefixes = ["content-", "resent-", "arc-"]

    /// Headers with a grammar of their own, in which encoded words have no meaning (RFC 2047, section 5).
    private static let structured: Set<String> = [
        "in-reply-to", "references", "precedence", "feedback-id", "importance", "priority", "x-priority", "disposition-notification-to",
        "expires",
        "list-id", "list-help", "list-subscribe", "list-unsubscribe", "list-unsubscribe-post", "list-owner", "list-post", "list-archive",
    ]

    private static func fault(ofHeaderName name: String) -> String? {
        // RFC 5322, section 3.6.8 allows more than this; the token of RFC 2045 is what every relay takes.
        guard !name.isEmpty, name.utf8.count <= 64, name.unicodeScalars.allSatisfy({ $0.isASCII && MIMEEncoding.isAtomText($0) }) else {
            return "has a header whose name is not made of letters, digits and hyphens"
        }
        let lower = name.lowercased()
        guard !structural.contains(lower), !structuralPrefixes.contains(where: lower.hasPrefix) else {
            return "may not set \(name): the gateway does"
        }
        return nil
    }

    private static func fault(of value: String, in name: String) -> String? {
        if name.lowercased() == "reply-to" {
            do { _ = try EmailAddress(value) } catch { return error.message }
            return nil
        }
        guard structured.contains(name.lowercased()) else { return nil }
        guard value.utf8.allSatisfy({ $0 < 0x80 }) else { return "may hold ASCII only" }
        // RFC 5322, section 2.1.1: no line has more than 998 characters, and only blanks can be folded at.
        let isFoldable = MIMEEncoding.breakable(" " + value).allSatisfy { $0.utf8.count <= 900 }
        return isFoldable ? nil : "has a word of more than 900 characters"
    }

    static func isStructured(_ name: String) -> Bool { structured.contains(name.lowercased()) }
}
