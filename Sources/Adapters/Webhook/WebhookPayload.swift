import AdapterKit

/// The body of a call: the object `{type, timestamp, data}` of Standard Webhooks 1.0.0, section "Payload structure".
enum WebhookPayload {
    /// The stored bytes as they are when the object is complete; otherwise the object made from type and data, with the time of acceptance.
    static func body(of content: RenderedContent, acceptedAt: Timestamp) throws(Faults) -> [UInt8] {
        if isComplete(content.bytes) { return content.bytes }
        let json: JSONValue
        do { json = try content.json() } catch { throw Faults([Fault("content", "is not JSON")]) }
        let event = try DataContent(json: json)
        return JSONValue.object(["type": .string(event.type), "timestamp": .string(acceptedAt.description), "data": event.data]).bytes
    }

    /// Whether the bytes are one object with the three members at its top, found without building it: this runs for every try.
    ///
    /// The scan trusts the writer for what lies between strings and brackets; the bytes come from our own store.
    private static func isComplete(_ bytes: [UInt8]) -> Bool {
        guard bytes.first == 0x7B, bytes.last == 0x7D else { return false }
        var found: UInt8 = 0
        var depth = 0
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D:
                depth -= 1
                if depth == 0, index != bytes.count - 1 { return false }
            case 0x22:
                let start = index + 1
                index = start
                while index < bytes.count, bytes[index] != 0x22 { index += bytes[index] == 0x5C ? 2 : 1 }
                guard index < bytes.count else { return false }
                if depth == 1, index + 1 < bytes.count, bytes[index + 1] == 0x3A { found |= mark(of: bytes[start..<index]) }
            default: break
            }
            index += 1
        }
        return depth == 0 && found == 7
    }

    private static func mark(of key: ArraySlice<UInt8>) -> UInt8 {
        if key.elementsEqual("type".utf8) { return 1 }
        if key.elementsEqual("timestamp".utf8) { return 2 }
        return key.elementsEqual("data".utf8) ? 4 : 0
    }
}
