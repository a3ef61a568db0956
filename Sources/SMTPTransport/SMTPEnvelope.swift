import AdapterKit

/// A submission whose every value is known to be safe on the wire.
struct SMTPEnvelope: Equatable {
    let sender: String
    let recipients: [String]
    let data: [UInt8]
    /// Whether an address is not ASCII and needs SMTPUTF8 (RFC 6531).
    let isInternational: Bool
    let hasEightBitData: Bool

    /// The size that RFC 1870 counts: with a last CRLF, without stuffed dots.
    var size: Int { data.count + (endsWithLineBreak ? 0 : 2) }
    var endsWithLineBreak: Bool { data.isEmpty || data.last == UInt8(ascii: "\n") }

    struct Fault: Error, Equatable {
        let phase: MailPhase
        let message: String
    }

    init(_ mail: MailSubmission) throws(Fault) {
        if let fault = Self.fault(ofPath: mail.sender, mayBeEmpty: true) { throw Fault(phase: .mail, message: "the sender \(fault)") }
        guard !mail.recipients.isEmpty else { throw Fault(phase: .rcpt, message: "there is no recipient") }
        for recipient in mail.recipients {
            if let fault = Self.fault(ofPath: recipient, mayBeEmpty: false) { throw Fault(phase: .rcpt, message: "a recipient \(fault)") }
        }
        guard let highBits = Self.checkLines(mail.data) else {
            throw Fault(phase: .data, message: "the message holds a CR or an LF that is not part of CRLF")
        }
        sender = mail.sender
        recipients = mail.recipients
        data = mail.data
        hasEightBitData = highBits
        isInternational = !Self.isASCII(mail.sender) || !mail.recipients.allSatisfy(Self.isASCII)
    }

    /// Whether a text can stand as one word of a command: neither empty nor with blanks or controls.
    static func isWord(_ text: String) -> Bool { !text.isEmpty && text.unicodeScalars.allSatisfy(isPrintable) }

    private static func isASCII(_ text: String) -> Bool { text.utf8.allSatisfy { $0 < 0x80 } }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return scalar.value > 0x20 && scalar.value < 0x7F }
        return scalar.properties.generalCategory != .control && !scalar.properties.isWhitespace
    }

    /// What is wrong with an address as a path of RFC 5321, section 4.5.3.1, whose limits count bytes and the angle brackets too.
    private static func fault(ofPath address: String, mayBeEmpty: Bool) -> String? {
        if address.isEmpty { return mayBeEmpty ? nil : "is empty" }
        guard address.unicodeScalars.allSatisfy({ isPrintable($0) && $0 != "<" && $0 != ">" }) else {
            return "holds a control, a blank or an angle bracket"
        }
        guard address.utf8.count <= 254 else { return "is longer than 254 bytes" }
        let local = address.lastIndex(of: "@").map { address[..<$0] } ?? address[...]
        guard local.utf8.count <= 64 else { return "has a local part longer than 64 bytes" }
        return nil
    }

    /// Whether a byte has its high bit set; `nil` when a CR or LF stands alone.
    private static func checkLines(_ data: [UInt8]) -> Bool? {
        data.withUnsafeBufferPointer { bytes in
            var high: UInt8 = 0
            var previous: UInt8 = 0
            for byte in bytes {
                high |= byte
                if (previous == 0x0D) != (byte == 0x0A) { return nil }
                previous = byte
            }
            return previous == 0x0D ? nil : high >= 0x80
        }
    }
}
