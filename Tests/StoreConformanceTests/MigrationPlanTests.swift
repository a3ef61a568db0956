import GatewayModel
import Testing

@testable import PostgresStore
@testable import SQLiteStore

/// What a daemon makes of a schema that an older, the same or a newer one has left, without any store.
@Suite struct MigrationPlanTests {
    private static func file(_ number: Int, _ text: String) -> MigrationFile {
        MigrationFile(number: number, name: "00\(number)", bytes: Array(text.utf8))
    }

    private static let first = file(1, "-- oldest: 1\nONE;\n-- no way down: it is the store itself\n")
    private static let second = file(2, "-- oldest: 1\nTWO;\n-- down\nNOT TWO;\n")
    private static let third = file(3, "THREE;\n-- down\nNOT THREE;\n")
    private static let files = [first, second, third]

    private func applied(_ files: MigrationFile...) -> [MigrationPlan.Applied] {
        files.map { MigrationPlan.Applied(number: $0.number, name: $0.name, checksum: $0.checksum, oldest: $0.oldest) }
    }

    private func newer(oldest: Int) -> MigrationPlan.Applied {
        MigrationPlan.Applied(number: 9, name: "009", checksum: "x", oldest: oldest)
    }

    private func refusal(_ call: () throws(StoreError) -> Void) -> String? {
        do throws(StoreError) { try call() } catch {
            guard case .schema(let sentence) = error else { return nil }
            return sentence
        }
        return nil
    }

    @Test func whatIsMissingIsPendingInItsOrder() throws {
        #expect(try MigrationPlan(Self.files, applied: []).pending() == Self.files)
        // A number that is lower than one that was applied counts too.
        #expect(try MigrationPlan(Self.files, applied: applied(Self.first, Self.third)).pending() == [Self.second])
        #expect(try MigrationPlan(Self.files, applied: applied(Self.first, Self.second, Self.third)).pending().isEmpty)
    }

    @Test func aMigrationInAnotherFormIsRefusedWhateverIsAskedFor() {
        var rows = applied(Self.first, Self.second)
        rows[1].checksum = "x"
        let plan = MigrationPlan(Self.files, applied: rows)
        #expect(refusal { () throws(StoreError) in _ = try plan.pending() }?.hasPrefix("Migration 002 was applied in another form") == true)
        #expect(refusal { () throws(StoreError) in try plan.verify { _ in true } }?.hasPrefix("Migration 002") == true)
        #expect(refusal { () throws(StoreError) in _ = try plan.wayBack(to: 1) }?.hasPrefix("Migration 002") == true)
    }

    /// The newest that this daemon knows is 3.
    @Test(arguments: [(1, true), (3, true), (4, false), (9, false)]) func aNewerSchemaIsTakenAsFarAsItAllows(oldest: Int, isTaken: Bool) {
        let plan = MigrationPlan(Self.files, applied: applied(Self.first, Self.second, Self.third) + [newer(oldest: oldest)])
        let sentence = refusal { () throws(StoreError) in try plan.verify() }
        #expect((sentence == nil) == isTaken)
        #expect(isTaken || sentence?.contains("migration 009") == true)
    }

    @Test func whatIsMissingIsNamedUnlessTheDaemonCanDoWithoutIt() {
        let plan = MigrationPlan(Self.files, applied: applied(Self.first))
        #expect(refusal { () throws(StoreError) in try plan.verify() }?.hasPrefix("The store lacks migrations: 002, 003. ") == true)
        #expect(
            refusal { () throws(StoreError) in try plan.verify { $0.number == 3 } }?.hasPrefix("The store lacks migrations: 002. ") == true)
        #expect(refusal { () throws(StoreError) in try plan.verify { $0.number > 1 } } == nil)
    }

    @Test func statesNameWhatIsKnownHereOrThere() {
        let states = MigrationPlan(Self.files, applied: [newer(oldest: 1)] + applied(Self.first, Self.third)).states
        #expect(states.map(\.number) == [1, 2, 3, 9])
        #expect(states.map(\.state) == [.applied, .pending, .applied, .unknown])
    }

    @Test func theWayBackIsTheNewestFirst() throws {
        let plan = MigrationPlan(Self.files, applied: applied(Self.first, Self.second, Self.third))
        #expect(try plan.wayBack(to: 1).map(\.number) == [3, 2])
        #expect(try plan.wayBack(to: 1).map(\.script) == ["NOT THREE;\n", "NOT TWO;\n"])
        #expect(try plan.wayBack(to: 3).isEmpty)
        #expect(
            try MigrationPlan(Self.files, applied: applied(Self.first)).wayBack(to: 1).isEmpty, "what was not applied is not taken back")
    }

    @Test func aWayBackThatIsNotCompleteIsNone() {
        let all = applied(Self.first, Self.second, Self.third)
        #expect(
            refusal { () throws(StoreError) in _ = try MigrationPlan(Self.files, applied: all).wayBack(to: 0) }
                == "Migration 001 cannot be taken back: it is the store itself. Nothing was changed.")
        #expect(
            refusal { () throws(StoreError) in _ = try MigrationPlan(Self.files, applied: all + [newer(oldest: 1)]).wayBack(to: 1) }?
                .hasPrefix("Migration 009 comes from a newer daemon") == true)
    }

    @Test func theWayDownIsNoPartOfWhatWasApplied() {
        #expect(Self.second.up == "-- oldest: 1\nTWO;\n" && Self.second.down == .script("NOT TWO;\n"))
        #expect(Self.file(2, "-- oldest: 1\nTWO;\n").checksum == Self.second.checksum)
        #expect(Self.file(2, "-- oldest: 1\nTWO!\n").checksum != Self.second.checksum)
        #expect(Self.first.up == "-- oldest: 1\nONE;\n" && Self.first.down == .none("it is the store itself"))
        #expect(Self.file(2, "TWO;\n").down == .none("it names no way down"))
    }

    /// FNV-1a, after Fowler, Noll and Vo's own test vectors: whoever applied a migration before must know it again.
    @Test func theChecksumIsThatOfDaemonsBefore() {
        #expect(Self.file(1, "").checksum == "cbf29ce484222325")
        #expect(Self.file(1, "a").checksum == "af63dc4c8601ec8c")
        #expect(Self.file(1, "foobar").checksum == "85944171f73967e8")
    }

    @Test func theOldestDaemonIsThatOfTheFirstLine() {
        #expect(Self.second.oldest == 1 && Self.third.oldest == 3)
        #expect(Self.file(7, "SEVEN;\n-- oldest: 1\n").oldest == 7)
    }

    @Test(arguments: [MigrationFile.sqlite, MigrationFile.postgres]) func theStoresFilesAreInOrderAndSayHowOldADaemonMayBe(
        files: [MigrationFile]
    ) {
        #expect(files.map(\.number) == files.map(\.number).sorted() && Set(files.map(\.number)).count == files.count)
        for file in files {
            #expect(Int(file.name.prefix { $0 != "_" }) == file.number, "\(file.name)")
            #expect(file.up.hasPrefix("-- oldest: ") && file.oldest <= file.number, "\(file.name)")
            #expect(!file.up.contains("DROP TABLE"), "\(file.name)")
            if file.number > 1, case .none(let reason) = file.down { Issue.record("\(file.name) has no way down: \(reason)") }
        }
    }
}
