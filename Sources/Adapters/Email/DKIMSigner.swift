import AdapterKit
import Signing

/// Signs messages for one domain (RFC 6376; RFC 8463 for Ed25519): relaxed canonical form, the whole body, every header that people or
/// programs go by.
///
/// Nothing in a signature comes from chance or from the clock, so that every try of a message has the same bytes.
struct DKIMSigner: Sendable {
    let domain: String
    let selector: String
    private let key: SigningKey

    init(domain: String, selector: String, key: SigningKey) {
        self.domain = domain
        self.selector = selector
        self.key = key
    }

    /// What is signed where it is present. From stands once more than it occurs: a second one, added on the way, breaks the signature
    /// (RFC 6376, section 5.4.2).
    private static let signed = [
        "from", "from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references", "mime-version",
        "content-type",
        "content-transfer-encoding", "auto-submitted", "feedback-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
    ]

    /// The header field that goes before a message of CRLF lines, ended by CRLF.
    func field(for message: [UInt8], at time: Timestamp) -> [UInt8] {
        let (fields, body) = DKIMCanonical.parts(of: message)
        let present = Set(fields.map(\.name))
        let names = Self.signed.filter(present.contains)
        let hash = Base64.encode(SHA256.digest(DKIMCanonical.body(body)))
        let pieces =
            [
                " v=1;", " a=\(algorithm);", " c=relaxed/relaxed;", " d=\(domain);", " s=\(selector);", " t=\(time.secondsSinceEpoch);",
            ] + names.enumerated().map { ($0 == 0 ? " h=" : " ") + $1 + ($0 == names.count - 1 ? ";" : ":") } + [" bh=\(hash);"]
        let unsigned = MIMEEncoding.field("DKIM-Signature", pieces).dropLast(2) + Array("\r\n b=".utf8)
        let signature = Base64.encode(sign(fields, names: names, unsigned: Array(unsigned)))
        return unsigned + Array(Self.folded(signature).utf8) + MIMEEncoding.crlf
    }

    private var algorithm: String {
        switch key.algorithm {
        case .ed25519: "ed25519-sha256"
        case .rsaSHA256: "rsa-sha256"
        }
    }

    /// The signature over the named headers and the signature's own field, whose `b=` is empty (RFC 6376, section 3.7).
    func sign(_ fields: [DKIMCanonical.Field], names: [String], unsigned: [UInt8]) -> [UInt8] {
        var rest = fields
        var data: [UInt8] = []
        for name in names {
            // The last one of a name first; one that is not there counts as nothing.
            guard let index = rest.lastIndex(where: { $0.name == name }) else { continue }
            data += rest.remove(at: index).canonical + MIMEEncoding.crlf
        }
        data += DKIMCanonical.Field(unsigned).canonical
        switch key.algorithm {
        // The digest itself is what is signed (RFC 8463, section 3).
        case .ed25519: return key.sign(SHA256.digest(data))
        case .rsaSHA256: return key.sign(data)
        }
    }

    private static func folded(_ text: String) -> String {
        var lines: [Substring] = []
        var rest = text[...]
        while !rest.isEmpty {
            lines.append(rest.prefix(70))
            rest = rest.dropFirst(70)
        }
        return lines.joined(separator: "\r\n ")
    }
}

/// The relaxed canonical form of headers and bodies (RFC 6376, sections 3.4.2 and 3.4.4).
enum DKIMCanonical {
    struct Field: Sendable {
        /// In lower case.
        let name: String
        /// `name:value` without the line break at its end.
        let canonical: [UInt8]

        /// - Parameter field: a header field as it stands in a message, folded or not.
        init(_ field: some Sequence<UInt8>) {
            let bytes = Array(field)
            let colon = bytes.firstIndex(of: 0x3A) ?? bytes.count
            name = String(decoding: bytes[..<colon].filter { !isBlank($0) }, as: UTF8.self).lowercased()
            canonical = Array("\(name):".utf8) + words(bytes.dropFirst(colon + 1).filter { $0 != 0x0D && $0 != 0x0A })
        }
    }

    /// A message taken apart at its first empty line.
    static func parts(of message: [UInt8]) -> (fields: [Field], body: ArraySlice<UInt8>) {
        var fields: [Field] = []
        var current: [UInt8] = []
        var rest = message[...]
        while let end = rest.firstIndex(of: 0x0A) {
            let line = rest[...end]
            rest = rest[(end + 1)...]
            if !current.isEmpty, !isBlank(line[line.startIndex]) {
                fields.append(Field(current))
                current = []
            }
            if line.count <= 2 { break }
            current += line
        }
        return (fields, rest)
    }

    /// Runs of blanks as one, none at the ends of lines, no empty lines at the end.
    static func body(_ body: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(body.count + 2)
        // How much of the output there is up to the last line that is not empty.
        var kept = 0
        var rest = body
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
            let start = output.count
            appendRelaxed(rest[..<end], to: &output)
            let isEmpty = output.count == start
            output += MIMEEncoding.crlf
            if !isEmpty { kept = output.count }
            rest = end == rest.endIndex ? [] : rest[(end + 1)...]
        }
        output.removeLast(output.count - kept)
        return output
    }

    private static func appendRelaxed(_ line: ArraySlice<UInt8>, to output: inout [UInt8]) {
        var needsBlank = false
        for byte in line where byte != 0x0D {
            if isBlank(byte) {
                needsBlank = true
                continue
            }
            if needsBlank { output.append(0x20) }
            needsBlank = false
            output.append(byte)
        }
    }

    /// The words of a header's value with single blanks between them.
    private static func words(_ value: [UInt8]) -> [UInt8] { Array(value.split(whereSeparator: isBlank).joined(separator: [0x20])) }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
