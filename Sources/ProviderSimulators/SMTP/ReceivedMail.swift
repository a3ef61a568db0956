public import AdapterKit

/// A message that the SMTP simulator took, as it came.
public struct ReceivedMail: Hashable, Sendable {
    public var sender: String
    public var recipients: [String]
    /// Header and body, with doubled dots made single again (RFC 5321, section 4.5.2) and without the final dot.
    public var data: [UInt8]
    /// Which connection brought it, counted from 1.
    public var connection: Int
    /// The value of its `Message-ID` field, with the angle brackets.
    public var messageID: String?
    public var receivedAt: Timestamp

    init(envelope: SMTPEnvelope, data: [UInt8], connection: Int, receivedAt: Timestamp) {
        sender = envelope.sender
        recipients = envelope.recipients
        self.data = data
        self.connection = connection
        messageID = Self.messageID(in: data)
        self.receivedAt = receivedAt
    }

    /// Header and body as text; bytes that are not UTF-8 are replaced.
    public var text: String { String(decoding: data, as: UTF8.self) }

    private static func messageID(in data: [UInt8]) -> String? {
        let name = Array("message-id:".utf8)
        var value: [UInt8]?
        for line in data.split(separator: 0x0A, omittingEmptySubsequences: false) {
            let line = line.last == 0x0D ? line.dropLast() : line
            if line.isEmpty { break }
            if value != nil {
                // A folded field goes on in lines that begin with a blank (RFC 5322, section 2.2.3).
                guard line.first == 0x20 || line.first == 0x09 else { break }
                value?.append(contentsOf: line)
            } else if line.count >= name.count, line.prefix(name.count).elementsEqual(name, by: { $0 | 0x20 == $1 | 0x20 }) {
                value = Array(line.dropFirst(name.count))
            }
        }
        return value.map { String(decoding: $0.filter { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self) }
    }
}

/// Who a message is from and for, by MAIL and RCPT.
struct SMTPEnvelope: Hashable, Sendable {
    var sender: String
    var recipients: [String] = []
}
