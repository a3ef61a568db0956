/// Where values are written in the binary form that the server reads: numbers with their highest byte first.
public struct PostgresBuffer: Sendable {
    private(set) var bytes: [UInt8] = []

    public mutating func write<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func write(_ number: Double) { write(number.bitPattern) }
    public mutating func write(bytes more: [UInt8]) { bytes.append(contentsOf: more) }
    public mutating func write(text: String) { bytes.append(contentsOf: text.utf8) }

    /// Sixteen bytes.
    public mutating func write(uuid high: UInt64, _ low: UInt64) {
        write(high)
        write(low)
    }

    /// A moment in microseconds since 1970; the greatest and the least number are the server's `infinity` and `-infinity`.
    public mutating func write(timestamp microseconds: Int64) {
        let isInfinite = microseconds == .max || microseconds == .min
        // What lies before PostgreSQL's calendar is left to the server to refuse.
        write(isInfinite ? microseconds : max(microseconds.subtractingSaturated(PostgresEpoch.microseconds), .min + 1))
    }

    /// Writes the length that the server expects before an element, and the element; NULL is a length of −1.
    mutating func write(element: some PostgresValue) {
        guard !element.isPostgresNull else { return write(Int32(-1)) }
        let start = bytes.count
        write(Int32(0))
        element.write(to: &self)
        let length = Int32(bytes.count - start - 4).bigEndian
        withUnsafeBytes(of: length) { source in
            for (offset, byte) in source.enumerated() { bytes[start + offset] = byte }
        }
    }

    mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }
}

enum PostgresEpoch {
    /// From 1970 to 2000, where the server's time begins.
    static let microseconds: Int64 = 946_684_800_000_000
}

extension Int64 {
    fileprivate func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : difference
    }
}
