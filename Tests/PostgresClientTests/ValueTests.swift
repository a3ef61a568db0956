import PostgresClient
import Testing

/// Every type goes to the server and comes back as it was.
struct ValueTests {
    private static func check<Value: PostgresValue & Equatable>(_ values: [Value], _ sql: SQL, _ pool: PostgresPool) async throws {
        for value in values {
            let found = try await pool.run(
                .first(sql, value, Optional<Value>.none) { row in
                    (try row.read(Value.self), try row.read(Value?.self))
                })
            #expect(found?.0 == value)
            #expect(found?.1 == .some(.none))
        }
    }

    @Test func scalars() async throws {
        try await withPool { pool in
            try await Self.check([0, -1, .max, .min] as [Int64], "SELECT $1, $2", pool)
            try await Self.check([0, -1, .max, .min] as [Int], "SELECT $1, $2", pool)
            try await Self.check([0, -1, .max, .min] as [Int32], "SELECT $1, $2", pool)
            try await Self.check([0, -1, .max, .min] as [Int16], "SELECT $1, $2", pool)
            try await Self.check([true, false], "SELECT $1, $2", pool)
            try await Self.check([0, -0.5, .infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude], "SELECT $1, $2", pool)
            try await Self.check(["", "één 🎉", "'; DROP TABLE x; --", String(repeating: "ü", count: 100_000)], "SELECT $1, $2", pool)
            try await Self.check([[], [0], [0, 255, 39, 92], Array(repeating: 7, count: 1 << 20)] as [[UInt8]], "SELECT $1, $2", pool)
            try await Self.check(["{}", #"{"a": [1, null]}"#].map { PostgresJSON($0) }, "SELECT $1, $2", pool)
            try await Self.check([.red, .blue] as [Colour], "SELECT $1, $2", pool)
            try await Self.check([Key(high: 0, low: 1), Key(high: .max, low: .max - 1)], "SELECT $1, $2", pool)
            try await Self.check(
                [0, 1_767_225_599_999_999, -1, .max, .min, 946_684_800_000_000].map { Moment($0) }, "SELECT $1, $2", pool)
        }
    }

    @Test func arrays() async throws {
        try await withPool { pool in
            try await Self.check([[], [1, -1, .max], Array(0..<10_000)].map { PostgresArray<Int64>($0) }, "SELECT $1, $2", pool)
            try await Self.check([[], ["", "a,b", "{\"}", "NULL"]].map { PostgresArray<String>($0) }, "SELECT $1, $2", pool)
            try await Self.check(
                [[[], [1, 2], Array(repeating: 9, count: 70_000)]].map { PostgresArray<[UInt8]>($0) }, "SELECT $1, $2", pool)
            try await Self.check([PostgresArray([Key(high: 1, low: 2), Key(high: 3, low: 4)])], "SELECT $1, $2", pool)
            try await Self.check([PostgresArray([true, false])], "SELECT $1, $2", pool)
            try await Self.check([PostgresArray([Moment(0), Moment(.max)])], "SELECT $1, $2", pool)
            try await Self.check([PostgresArray<String?>(["a", nil, ""]), PostgresArray<String?>([nil])], "SELECT $1, $2", pool)
        }
    }

    @Test func theServerMeansTheSame() async throws {
        try await withPool { pool in
            let found = try await pool.run(
                .first(
                    """
                    SELECT $1 = '0195b1f0-0000-7000-8000-000000000001', $2 = '2026-01-01T00:00:00.000001Z'::timestamptz,
                        $3 = decode('00ff', 'hex'), $4 = 'infinity'::timestamptz, $5 ->> 'a' = 'b',
                        (SELECT sum(length(t) * n)::int8 FROM unnest($6, $7) AS u (t, n)) = 17
                    """,
                    Key(high: 0x0195_b1f0_0000_7000, low: 0x8000_0000_0000_0001), Moment(1_767_225_600_000_001), [0, 255] as [UInt8],
                    Moment(.max), PostgresJSON(#"{"a": "b"}"#), PostgresArray(["a", "bcd"]), PostgresArray<Int64>([2, 5])
                ) { row in try (0..<6).map { _ in try row.read(Bool.self) } })
            #expect(found == Array(repeating: true, count: 6))
        }
    }

    @Test func aColumnOfAnotherTypeIsUnreadable() async throws {
        try await withPool { pool in
            let wrong: [PostgresError?] = [
                await failure { () throws(PostgresError) in try await pool.run(.first("SELECT 'a'") { row in try row.read(Int64.self) }) },
                await failure { () throws(PostgresError) in try await pool.run(.first("SELECT 1") { row in try row.read(String.self) }) },
                await failure { () throws(PostgresError) in
                    try await pool.run(.first("SELECT NULL::text") { row in try row.read(String.self) })
                },
                await failure { () throws(PostgresError) in
                    try await pool.run(.first("SELECT 5000000000") { row in try row.read(Int32.self) })
                },
                await failure { () throws(PostgresError) in
                    try await pool.run(.first("SELECT 'green'") { row in try row.read(Colour.self) })
                },
                await failure { () async throws(PostgresError) in
                    try await pool.run(.first("SELECT 1") { row in (try row.read(Int.self), try row.read(Int.self)) })
                },
            ]
            for error in wrong {
                #expect(error?.code == .unreadable)
                #expect(error?.commit == .committed)
            }
        }
    }

    @Test func aTextWithANULIsRefusedNotCut() async throws {
        try await withPool { pool in
            let error = await failure { () throws(PostgresError) in try await pool.run(.count("SELECT $1", "a\0b")) }
            #expect(error?.state?.rawValue == "22021")
        }
    }
}

private enum Colour: String, PostgresWord { case red, blue }

private struct Key: PostgresValue, Equatable {
    var high: UInt64
    var low: UInt64

    static var postgresType: PostgresType { .uuid }
    func write(to buffer: inout PostgresBuffer) { buffer.write(uuid: high, low) }
    static func read(_ cell: borrowing PostgresCell) -> Key? { cell.uuid.map { Key(high: $0.high, low: $0.low) } }
}

private struct Moment: PostgresValue, Equatable {
    var microseconds: Int64
    init(_ microseconds: Int64) { self.microseconds = microseconds }

    static var postgresType: PostgresType { .timestamptz }
    func write(to buffer: inout PostgresBuffer) { buffer.write(timestamp: microseconds) }
    static func read(_ cell: borrowing PostgresCell) -> Moment? { cell.timestamp.map(Moment.init) }
}
