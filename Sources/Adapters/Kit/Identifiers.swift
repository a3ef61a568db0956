import Synchronization

/// 128 bits in the form of RFC 9562.
public struct UUIDBits: Hashable, Comparable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static func < (a: UUIDBits, b: UUIDBits) -> Bool { (a.high, a.low) < (b.high, b.low) }

    /// Sixteen bytes in network order; `nil` for any other number of bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if index < 8 { words.0 = words.0 << 8 | UInt64(byte) } else { words.1 = words.1 << 8 | UInt64(byte) }
        }
        self.init(high: words.0, low: words.1)
    }

    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<8 {
                buffer[index] = UInt8(truncatingIfNeeded: high >> (56 - 8 * index))
                buffer[8 + index] = UInt8(truncatingIfNeeded: low >> (56 - 8 * index))
            }
            count = 16
        }
    }

    /// The 8-4-4-4-12 form in either case; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        var words: (UInt64, UInt64) = (0, 0)
        var position = 0
        var digits = 0
        for byte in text.utf8 {
            defer { position += 1 }
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == 0x2D else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x37
            case 0x61...0x66: digit = byte - 0x57
            default: return nil
            }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
            digits += 1
        }
        guard position == 36, digits == 32 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    /// The lower-case 8-4-4-4-12 form.
    public var text: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for (index, byte) in bytes.enumerated() {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    buffer[position] = 0x2D
                    position += 1
                }
                buffer[position] = hexDigit(byte >> 4)
                buffer[position + 1] = hexDigit(byte & 15)
                position += 2
            }
            return 36
        }
    }

    /// A version 7 id: milliseconds, then a counter that keeps ids of this process in order, then randomness (RFC 9562, section 5.7, method 1).
    public static func version7() -> UUIDBits {
        let (millisecond, sequence) = sequenceOfThisProcess.withLock { last in
            let now = UInt64(SystemClock().now.microseconds / 1000)
            if now > last.millisecond {
                last = (now, 0)
            } else if last.sequence == 0xFFF {
                last = (last.millisecond + 1, 0)
            } else {
                last.sequence += 1
            }
            return last
        }
        let random = UInt64.random(in: 0...UInt64.max)
        return UUIDBits(high: millisecond << 16 | 0x7000 | sequence, low: 0x8000_0000_0000_0000 | random >> 2)
    }
}

private let sequenceOfThisProcess = Mutex<(millisecond: UInt64, sequence: UInt64)>((0, 0))

private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

/// A UUID that knows what it identifies, so that one kind never stands in for another.
public struct ID<Tag>: Hashable, Comparable, Sendable {
    public let bits: UUIDBits

    public init(_ bits: UUIDBits) { self.bits = bits }
    public init?(_ text: some StringProtocol) {
        guard let bits = UUIDBits(text) else { return nil }
        self.bits = bits
    }
    public init?(bytes: some Collection<UInt8>) {
        guard let bits = UUIDBits(bytes: bytes) else { return nil }
        self.bits = bits
    }

    /// A new version 7 id; ids of one process rise with time.
    public static func make() -> ID { ID(.version7()) }

    public static func < (a: ID, b: ID) -> Bool { a.bits < b.bits }
}

extension ID: CustomStringConvertible, LosslessStringConvertible {
    public var description: String { bits.text }
}

extension ID: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = ID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

public enum OrganizationTag {}
public enum MessageTag {}
public enum DeliveryTag {}
/// The tenant.
public typealias OrganizationID = ID<OrganizationTag>
/// One accepted intent to tell one recipient one thing.
public typealias MessageID = ID<MessageTag>
/// One message on one channel to one endpoint.
public typealias DeliveryID = ID<DeliveryTag>
