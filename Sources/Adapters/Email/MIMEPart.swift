import AdapterKit

/// A body of a message: text or a file in its transfer encoding, or several bodies between boundaries (RFC 2046, section 5.1).
indirect enum MIMEPart {
    case leaf(Leaf)
    case multipart(String, [MIMEPart])

    struct Leaf {
        /// The part's own header fields, each ended by CRLF.
        var headers: [UInt8]
        /// The content in its transfer encoding.
        var encoded: [UInt8]
        var isBase64: Bool

        /// Text in whichever of the two encodings is shorter; quoted-printable where they tie, for people can read it.
        init(_ text: String, type: String) {
            let lines = MIMEEncoding.canonicalLines(text)
            let quoted = MIMEEncoding.quotedPrintable(lines)
            isBase64 = MIMEEncoding.base64Length(of: lines.count) < quoted.count
            encoded = isBase64 ? MIMEEncoding.base64(lines) : quoted
            headers = MIMEEncoding.field("Content-Type", [" \(type); charset=utf-8"])
            headers += MIMEEncoding.field("Content-Transfer-Encoding", [isBase64 ? " base64" : " quoted-printable"])
        }

        init(_ attachment: Attachment) {
            isBase64 = true
            encoded = MIMEEncoding.base64(attachment.bytes)
            headers = MIMEEncoding.field("Content-Type", MIMEEncoding.breakable(" " + attachment.contentType))
            headers += MIMEEncoding.field("Content-Transfer-Encoding", [" base64"])
            headers += MIMEEncoding.field("Content-Disposition", Self.disposition(filename: attachment.filename))
        }

        /// The name in full, and for readers that know no RFC 2231 once more in ASCII.
        private static func disposition(filename: String) -> [String] {
            let full = MIMEEncoding.parameter("filename", filename)
            let isPlain = full.count == 1 && full[0].hasPrefix("filename=")
            let fallback = String(
                String.UnicodeScalarView(filename.unicodeScalars.map { $0.isASCII && $0 != "\"" && $0 != "=" ? $0 : "_" }).prefix(60))
            let parameters = isPlain ? full : full + ["filename=" + MIMEEncoding.quotedString(fallback)]
            return [" attachment;"] + parameters.enumerated().map { " " + $1 + ($0 == parameters.count - 1 ? "" : ";") }
        }
    }

    /// Writes headers, blank line and body. Boundaries of nested parts get the depth after the outer one, so that neither is the other's prefix.
    func write(to output: inout [UInt8], boundary: String, depth: Int = 0) {
        switch self {
        case .leaf(let leaf):
            output += leaf.headers
            output += MIMEEncoding.crlf
            output += leaf.encoded
        case .multipart(let subtype, let parts):
            let own = "\(boundary).\(depth)"
            output += MIMEEncoding.field("Content-Type", [" multipart/\(subtype);", " boundary=\"\(own)\""])
            output += MIMEEncoding.crlf
            for part in parts {
                output += Array("--\(own)\r\n".utf8)
                part.write(to: &output, boundary: boundary, depth: depth + 1)
                // The CRLF before a boundary belongs to it (RFC 2046, section 5.1.1); base64 has just ended a line with one.
                if !part.endsLine { output += MIMEEncoding.crlf }
            }
            output += Array("--\(own)--\r\n".utf8)
        }
    }

    /// Whether what was written ends in a CRLF that is not part of the content.
    private var endsLine: Bool {
        switch self {
        case .leaf(let leaf): leaf.isBase64 && !leaf.encoded.isEmpty
        case .multipart: true
        }
    }
}
