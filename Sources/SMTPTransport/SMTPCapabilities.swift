import AdapterKit

/// What a server says it can do, in its reply to EHLO (RFC 5321, section 4.1.1.1). Keywords are read in any case.
struct SMTPCapabilities: Equatable {
    var startTLS = false
    var pipelining = false
    var eightBitMIME = false
    var smtputf8 = false
    var dsn = false
    var enhancedStatusCodes = false
    var chunking = false
    /// Mechanisms in upper case.
    var mechanisms: Set<String> = []
    /// Whether SIZE was named at all (RFC 1870).
    var acceptsSize = false
    /// The largest message in bytes; `nil` when the server names none or says zero.
    var maximumSize: Int?

    init() {}

    init(ehlo reply: SMTPReply) {
        for line in reply.lines.dropFirst() {
            let words = line.uppercased().split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard let keyword = words.first else { continue }
            switch keyword {
            case "STARTTLS": startTLS = true
            case "PIPELINING": pipelining = true
            case "8BITMIME": eightBitMIME = true
            case "SMTPUTF8": smtputf8 = true
            case "DSN": dsn = true
            case "ENHANCEDSTATUSCODES": enhancedStatusCodes = true
            case "CHUNKING": chunking = true
            case "AUTH": mechanisms.formUnion(words.dropFirst().map(String.init))
            case "SIZE":
                acceptsSize = true
                if words.count > 1, let limit = Int(words[1]), limit > 0 { maximumSize = limit }
            default:
                // Servers from before RFC 4954 write the first mechanism behind an equals sign.
                if keyword.hasPrefix("AUTH=") {
                    mechanisms.insert(String(keyword.dropFirst(5)))
                    mechanisms.formUnion(words.dropFirst().map(String.init))
                }
            }
        }
    }
}
