import AdapterKit

/// One e-mail as it goes over the wire (RFC 5322, RFC 2045–2049): the same request gives the same bytes on every try.
///
/// Everything is seven-bit clean, whatever a relay can do. Only an address in another script stands in the headers as it is (RFC 6532); the
/// transport then asks for SMTPUTF8.
struct MIMEMessage {
    let from: EmailAddress
    let to: EmailAddress
    let content: MailContent
    /// Names the message towards everybody; no two deliveries share one.
    let deliveryID: DeliveryID
    let date: Timestamp

    /// The Message-ID, angle brackets included: the far end's key against duplicates, and what replies and bounces refer to.
    var messageID: String { "<\(deliveryID)@\(from.domain)>" }

    /// The whole message in CRLF lines.
    var bytes: [UInt8] {
        var output = headers
        Self.body(of: content).write(to: &output, boundary: boundary)
        if !output.suffix(2).elementsEqual(MIMEEncoding.crlf) { output += MIMEEncoding.crlf }
        return output
    }

    /// About how large the message becomes: its bodies exactly, and a kilobyte for the headers of each part.
    static func size(of content: MailContent) -> Int {
        let texts = textParts(of: content)
        let files = content.attachments.reduce(0) { $0 + MIMEEncoding.base64Length(of: $1.bytes.count) }
        let headers = content.headers.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count * 4 } + content.subject.utf8.count * 4
        return texts.reduce(0) { $0 + $1.encoded.count } + files + headers + 1024 * (1 + texts.count + content.attachments.count)
    }

    // MARK: - Headers

    private var headers: [UInt8] {
        var output: [UInt8] = []
        output += MIMEEncoding.field("Date", [" " + Self.date(date)])
        output += MIMEEncoding.field("From", Self.pieces(of: from, used: "From: ".utf8.count))
        output += MIMEEncoding.field("To", Self.pieces(of: to, used: "To: ".utf8.count))
        output += MIMEEncoding.field("Message-ID", [" " + messageID])
        output += MIMEEncoding.field("Subject", MIMEEncoding.unstructured(content.subject, used: "Subject: ".utf8.count))
        // RFC 3834, section 5: vacation responders leave such mail unanswered.
        output += MIMEEncoding.field("Auto-Submitted", [" auto-generated"])
        for (name, value) in content.headers.sorted(by: { $0.key < $1.key }) {
            output += MIMEEncoding.field(name, Self.pieces(of: value, in: name))
        }
        output += MIMEEncoding.field("MIME-Version", [" 1.0"])
        return output
    }

    private static func pieces(of value: String, in name: String) -> [String] {
        if name.lowercased() == "reply-to", let address = try? EmailAddress(value) { return pieces(of: address, used: name.utf8.count + 2) }
        if MailContentRules.isStructured(name) { return MIMEEncoding.breakable(" " + value) }
        return MIMEEncoding.unstructured(value, used: name.utf8.count + 2)
    }

    /// A mailbox with its name as atoms, as a quoted string, or as encoded words (RFC 5322, section 3.4; RFC 2047, section 5 (3)).
    private static func pieces(of address: EmailAddress, used: Int) -> [String] {
        guard let name = address.displayName else { return [" " + address.mailbox] }
        let mailbox = " <\(address.mailbox)>"
        guard name.utf8.allSatisfy({ $0 < 0x80 }), name.utf8.count <= 60, !name.contains("=?") else {
            return MIMEEncoding.encodedWords(name, used: used).map { " " + $0 } + [mailbox]
        }
        let isAtoms = name.split(separator: " ", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.unicodeScalars.allSatisfy(MIMEEncoding.isAtomText)
        }
        return [" " + (isAtoms ? name : MIMEEncoding.quotedString(name)), mailbox]
    }

    /// The date-time of RFC 5322, section 3.3, in UTC.
    private static func date(_ time: Timestamp) -> String {
        let (year, month, day, hour, minute, second, weekday) = time.calendar
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(weekdays[weekday]), \(two(day)) \(months[month - 1]) \(year) \(two(hour)):\(two(minute)):\(two(second)) +0000"
    }

    // MARK: - Boundaries

    /// A boundary that no line of a part can be: `=_` stands in neither transfer encoding (RFC 2045, section 6.7), and no header field of a
    /// part begins with a hyphen.
    private var boundary: String { "=_" + deliveryID.description.filter { $0 != "-" } }

    // MARK: - Parts

    /// `mixed` around `alternative` around the texts, each layer only where it is needed; the best alternative comes last (RFC 2046, section 5.1.4).
    private static func body(of content: MailContent) -> MIMEPart {
        let texts = textParts(of: content).map(MIMEPart.leaf)
        let body = texts.count == 1 ? texts[0] : .multipart("alternative", texts)
        return content.attachments.isEmpty ? body : .multipart("mixed", [body] + content.attachments.map { .leaf(MIMEPart.Leaf($0)) })
    }

    private static func textParts(of content: MailContent) -> [MIMEPart.Leaf] {
        guard let html = content.html else { return [MIMEPart.Leaf(content.text ?? "", type: "text/plain")] }
        let given = content.text?.unlessBlank
        return [MIMEPart.Leaf(given ?? HTMLPlainText.text(of: html), type: "text/plain"), MIMEPart.Leaf(html, type: "text/html")]
    }
}
