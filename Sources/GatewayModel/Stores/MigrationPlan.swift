/// What a daemon makes of a schema: which of its migrations are missing, whether it can work on it, and the way back.
///
/// The same for every store; each asks its own tables what was applied, and runs the scripts in its own way.
public struct MigrationPlan: Sendable {
    /// A migration as the schema remembers it.
    public struct Applied: Hashable, Sendable {
        public var number: Int
        public var name: String
        public var checksum: String
        public var oldest: Int

        public init(number: Int, name: String, checksum: String, oldest: Int) {
            self.number = number
            self.name = name
            self.checksum = checksum
            self.oldest = oldest
        }
    }

    /// The script that takes one migration back.
    public struct StepBack: Hashable, Sendable {
        public var number: Int
        public var script: String
    }

    private let files: [MigrationFile]
    private let applied: [Applied]

    /// - Parameter files: What the daemon knows, by ascending number.
    public init(_ files: [MigrationFile], applied: [Applied]) {
        self.files = files
        self.applied = applied
    }

    /// What is still to be applied, in its order. Throws `schema` unless everything that was applied is sound.
    public func pending() throws(StoreError) -> [MigrationFile] {
        let newest = files.map(\.number).max() ?? 0
        for row in applied {
            if let file = files.first(where: { $0.number == row.number }) {
                guard file.checksum == row.checksum else {
                    throw .schema("Migration \(row.name) was applied in another form than this daemon has. Run the daemon that applied it.")
                }
            } else if row.oldest > newest {
                throw .schema(
                    "The store was changed by a newer daemon (migration \(row.name)), and this one cannot work on it. Install that daemon.")
            }
        }
        return files.filter { file in !applied.contains { $0.number == file.number } }
    }

    /// Throws `schema` unless the daemon can work on the schema as it is.
    ///
    /// - Parameter isOptional: Whether the daemon can do without a migration.
    public func verify(isOptional: (MigrationFile) -> Bool = { _ in false }) throws(StoreError) {
        let missing = try pending().filter { !isOptional($0) }
        guard missing.isEmpty else {
            throw .schema(
                "The store lacks migrations: \(missing.map(\.name).joined(separator: ", ")). Apply them with `gatewayd migrate apply`, or let "
                    + "the daemon do so at its start.")
        }
    }

    /// Every migration that is known here or there, by ascending number.
    public var states: [MigrationStatus] {
        let known = files.map { file in
            MigrationStatus(
                number: file.number, name: file.name, state: applied.contains { $0.number == file.number } ? .applied : .pending)
        }
        let unknown = applied.filter { row in !files.contains { $0.number == row.number } }
            .map { MigrationStatus(number: $0.number, name: $0.name, state: .unknown) }
        return (known + unknown).sorted { $0.number < $1.number }
    }

    /// What takes back every migration above `number`, the newest first. Throws `schema` unless all of them can be taken back.
    public func wayBack(to number: Int) throws(StoreError) -> [StepBack] {
        _ = try pending()
        var steps: [StepBack] = []
        for row in applied.filter({ $0.number > number }).sorted(by: { $0.number > $1.number }) {
            guard let file = files.first(where: { $0.number == row.number }) else {
                throw .schema("Migration \(row.name) comes from a newer daemon, and only that one can take it back. Nothing was changed.")
            }
            switch file.down {
            case .script(let script): steps.append(StepBack(number: row.number, script: script))
            case .none(let reason): throw .schema("Migration \(row.name) cannot be taken back: \(reason). Nothing was changed.")
            }
        }
        return steps
    }
}
