/// One numbered change of a store's schema, as it stands in its file.
///
/// The first line names the oldest daemon that works on the result: `-- oldest: 4`. The way down follows the line `-- down`; a file that has
/// none says why: `-- no way down: …`.
public struct MigrationFile: Hashable, Sendable {
    public let number: Int
    public let name: String
    private let text: String

    public init(number: Int, name: String, bytes: [UInt8]) {
        self.number = number
        self.name = name
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// What changes the schema: the file up to the line that begins its way down.
    public var up: String {
        [Self.downMark, Self.noDownMark].compactMap { text.firstRange(of: "\n" + $0)?.lowerBound }.min().map { String(text[...$0]) } ?? text
    }

    /// How the change is taken back.
    public enum WayDown: Hashable, Sendable {
        case script(String)
        /// Why there is none.
        case none(String)
    }

    public var down: WayDown {
        if let mark = text.firstRange(of: "\n" + Self.downMark + "\n") { return .script(String(text[mark.upperBound...])) }
        let reason = text.firstRange(of: "\n" + Self.noDownMark).map { text[$0.upperBound...].prefix { $0 != "\n" } }
        return .none(reason.map(String.init) ?? "it names no way down")
    }

    private static let downMark = "-- down"
    private static let noDownMark = "-- no way down: "

    /// FNV-1a over 64 bits: tells whether a change was edited after it was applied. No defence against malice, and none is needed here.
    public var checksum: String {
        String(up.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }, radix: 16)
    }

    /// The newest migration that the oldest daemon which can still work on this schema knows.
    public var oldest: Int {
        let line = text.prefix { $0 != "\n" }
        return line.hasPrefix(Self.oldestMark) ? Int(line.dropFirst(Self.oldestMark.count)) ?? number : number
    }

    private static let oldestMark = "-- oldest: "
}
