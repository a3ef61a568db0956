/// Why bytes are not a JSON document we take.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A sentence without any of the document's content.
    public let message: String
    /// How many bytes were read before the fault.
    public let offset: Int
    /// Counted from 1.
    public let line: Int
    /// The character in its line, counted from 1.
    public let column: Int

    public var description: String { "\(message) in line \(line), column \(column)" }
}

extension JSONValue {
    /// Reads one JSON document (RFC 8259), strictly.
    ///
    /// Refused besides bad syntax: bytes that are not UTF-8, a member named twice, nesting deeper than `maximumDepth`, numbers beyond a
    /// double's range. Integers that fit 64 bits are kept exactly.
    public init(parsing bytes: some Collection<UInt8>, maximumDepth: Int = 32) throws(JSONError) {
        let result: Result<JSONValue, JSONError>? = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(JSONError) in try JSONValue.parse(buffer, maximumDepth) }
        }
        if let result {
            self = try result.get()
        } else {
            let copy = Array(bytes)
            self = try copy.withUnsafeBufferPointer { buffer in
                Result { () throws(JSONError) in try JSONValue.parse(buffer, maximumDepth) }
            }.get()
        }
    }

    public init(parsing text: String, maximumDepth: Int = 32) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
    }

    private static func parse(_ buffer: UnsafeBufferPointer<UInt8>, _ maximumDepth: Int) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: buffer, maximumDepth: maximumDepth)
        return try parser.document()
    }
}

/// A recursive-descent reader over borrowed bytes.
private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let maximumDepth: Int
    var position = 0
    var depth = 0

    init(bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    func fault(_ message: String) -> JSONError {
        let read = bytes.prefix(position)
        let begin = read.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return JSONError(
            message: message, offset: position, line: read.count { $0 == 0x0A } + 1,
            // Bytes that continue a character are not counted.
            column: read[begin...].count { $0 & 0xC0 != 0x80 } + 1)
    }

    mutating func document() throws(JSONError) -> JSONValue {
        skipBlanks()
        let value = try value()
        skipBlanks()
        guard position == bytes.count else { throw fault("content after the end of the document") }
        return value
    }

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        guard position < bytes.count else { throw fault("unexpected end of the document") }
        switch bytes[position] {
        case 0x7B: return try object()
        case 0x5B: return try array()
        case 0x22: return .string(try string())
        case 0x74: return try literal("true", .bool(true))
        case 0x66: return try literal("false", .bool(false))
        case 0x6E: return try literal("null", .null)
        case 0x2D, 0x30...0x39: return try number()
        default: throw fault("a value was expected")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = word.utf8CodeUnitCount
        guard position + length <= bytes.count else { throw fault("a value was expected") }
        for index in 0..<length where bytes[position + index] != word.utf8Start[index] { throw fault("a value was expected") }
        position += length
        return value
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= maximumDepth else { throw fault("nested deeper than \(maximumDepth) levels") }
        position += 1
        skipBlanks()
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try enter()
        var members: [String: JSONValue] = [:]
        if take(0x7D) {
            depth -= 1
            return .object(members)
        }
        while true {
            guard position < bytes.count, bytes[position] == 0x22 else { throw fault("a member's name was expected") }
            let key = try string()
            skipBlanks()
            guard take(0x3A) else { throw fault("a colon was expected") }
            skipBlanks()
            guard members.updateValue(try value(), forKey: key) == nil else { throw fault("a member is named twice") }
            skipBlanks()
            if take(0x2C) {
                skipBlanks()
                continue
            }
            guard take(0x7D) else { throw fault("a comma or a closing brace was expected") }
            depth -= 1
            return .object(members)
        }
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if take(0x5D) {
            depth -= 1
            return .array(elements)
        }
        while true {
            elements.append(try value())
            skipBlanks()
            if take(0x2C) {
                skipBlanks()
                continue
            }
            guard take(0x5D) else { throw fault("a comma or a closing bracket was expected") }
            depth -= 1
            return .array(elements)
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        var isInteger = true
        _ = take(0x2D)
        if take(0x30) {
            if position < bytes.count, (0x30...0x39).contains(bytes[position]) { throw fault("a number has no leading zeros") }
        } else {
            try digits()
        }
        if take(0x2E) {
            isInteger = false
            try digits()
        }
        if take(0x65) || take(0x45) {
            isInteger = false
            if !take(0x2B) { _ = take(0x2D) }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else { throw fault("a number is out of range") }
        return .double(value)
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        guard position > start else { throw fault("a digit was expected") }
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case 0x22:
                let run = UnsafeBufferPointer(rebasing: bytes[start..<position])
                guard let text = String(validating: run, as: UTF8.self) else { throw fault("a string is not UTF-8") }
                position += 1
                return text
            case 0x5C: return try stringWithEscapes(from: start)
            case 0..<0x20: throw fault("a control character in a string")
            default: position += 1
            }
        }
        throw fault("a string without its end")
    }

    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var unescaped = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x22:
                guard let text = String(validating: unescaped, as: UTF8.self) else { throw fault("a string is not UTF-8") }
                return text
            case 0x5C: try escape(into: &unescaped)
            case 0..<0x20: throw fault("a control character in a string")
            default: unescaped.append(byte)
            }
        }
        throw fault("a string without its end")
    }

    private mutating func escape(into output: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw fault("a string without its end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: output.append(byte)
        case 0x62: output.append(0x08)
        case 0x66: output.append(0x0C)
        case 0x6E: output.append(0x0A)
        case 0x72: output.append(0x0D)
        case 0x74: output.append(0x09)
        case 0x75:
            var scalar = try hexadecimal()
            if (0xD800..<0xDC00).contains(scalar) {
                guard take(0x5C), take(0x75) else { throw fault("half of a surrogate pair") }
                let second = try hexadecimal()
                guard (0xDC00..<0xE000).contains(second) else { throw fault("half of a surrogate pair") }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (second - 0xDC00)
            }
            guard let unicode = Unicode.Scalar(scalar) else { throw fault("half of a surrogate pair") }
            output.append(contentsOf: String(Character(unicode)).utf8)
        default: throw fault("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw fault("four hexadecimal digits were expected") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw fault("four hexadecimal digits were expected")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
