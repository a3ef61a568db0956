import AdapterKit

/// The status line and the headers of a reply, read line by line as libcurl hands them over.
///
/// Interim replies (RFC 9110, section 15.2) come first and are forgotten; trailers come after the body and are left out.
struct CurlReplyHead {
    /// How many bytes of lines a reply may have in all.
    static let maximumBytes = 65_536

    /// The final status; `nil` until its line has come.
    private(set) var status: Int?
    private(set) var headers: [HTTPHeader] = []
    private var isComplete = false
    private var byteCount = 0

    /// Reads one line with its end; `false` when the reply is not to be read any further.
    mutating func add(_ line: UnsafeRawBufferPointer) -> Bool {
        byteCount += line.count
        guard byteCount <= Self.maximumBytes else { return false }
        guard !isComplete else { return true }
        let end = line.lastIndex { $0 != 0x0D && $0 != 0x0A }.map { $0 + 1 } ?? 0
        let text = line[..<end]
        if status == nil {
            status = Self.finalStatus(text)
        } else if text.isEmpty {
            isComplete = true
        } else {
            addHeader(text)
        }
        return true
    }

    /// The status of a status line (RFC 9112, section 4) unless it is an interim one. `nil` for the headers of an interim reply too.
    private static func finalStatus(_ line: Slice<UnsafeRawBufferPointer>) -> Int? {
        guard line.starts(with: "HTTP/".utf8), let blank = line.firstIndex(of: 0x20) else { return nil }
        let rest = line[(blank + 1)...].drop { $0 == 0x20 }
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard digits.count == 3 else { return nil }
        let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return status >= 200 ? status : nil
    }

    private mutating func addHeader(_ line: Slice<UnsafeRawBufferPointer>) {
        if let first = line.first, first == 0x20 || first == 0x09 {
            // A folded line (RFC 9112, section 5.2) goes on with the value before it.
            guard let last = headers.indices.last else { return }
            headers[last].value += " " + Self.trimmed(line)
            return
        }
        guard let colon = line.firstIndex(of: 0x3A) else { return }
        headers.append(HTTPHeader(Self.trimmed(line[..<colon]), Self.trimmed(line[(colon + 1)...])))
    }

    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let start = bytes.drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(decoding: start[...last], as: UTF8.self)
    }
}
