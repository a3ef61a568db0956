import AdapterKit
import GatewayModel
import PostgresClient
import Signing
import StoreBackends
import Testing

@testable import PostgresStore

/// What callers put in by SQL, within their own transactions.
@Suite(.timeLimit(.minutes(5))) struct PostgresEntryTests {
    private let organization = "0195b1f0-0000-7000-8000-000000000001"

    /// Runs `body` with a role that may put things in for the organization, and can do nothing else.
    private func withRole(_ body: (PostgresDatabase, String) async throws -> Void) async throws {
        try await PostgresDatabase.with { database in
            let role = "quotes_\(UUIDBits.version7().text.replacing("-", with: ""))"
            try await database.run(
                "CREATE ROLE \(role) LOGIN", "GRANT USAGE ON SCHEMA gateway TO \(role)",
                "GRANT EXECUTE ON FUNCTION gateway.publish_quote_event(uuid, jsonb), gateway.enqueue_message(uuid, jsonb) TO \(role)",
                "INSERT INTO gateway.role_grants VALUES ('\(role)', '\(organization)')")
            do { try await body(database, role) } catch {
                try? await database.run("DROP OWNED BY \(role)", "DROP ROLE \(role)")
                throw error
            }
            try await database.run("DROP OWNED BY \(role)", "DROP ROLE \(role)")
        }
    }

    /// What a statement answered: its one value, or how it was refused.
    private struct Answer {
        var value: String?
        var state: String?
    }

    /// Runs one statement as that role.
    private func ask(_ database: PostgresDatabase, _ role: String, _ statement: String) async throws -> Answer {
        let pool = PostgresPool(try PostgresConfiguration(url: database.url(as: role)), logger: quiet)
        var answer = Answer()
        do throws(PostgresError) {
            answer.value = try await pool.run(
                .first(SQL(once: "SELECT (\(statement))::text"), values: []) { row in try row.read(String.self) })
        } catch { answer.state = error.state?.rawValue }
        await pool.close()
        return answer
    }

    private func publish(_ event: String, of organization: String? = nil) -> String {
        "gateway.publish_quote_event('\(organization ?? self.organization)', '\(event)')"
    }

    @Test func anEventIsKeptOnceUnderTheIDThatItHasOverHTTPToo() async throws {
        try await withRole { database, role in
            let event = #"{"type": "quotes.quote.sent", "quoteId": "q-1", "eventId": "evt-1", "leadId": "l-1", "quoteNumber": "7"}"#
            let first = try await ask(database, role, publish(event))
            let id = try #require(first.value)
            let namespace = try #require(OrganizationID(organization)).bits.bytes
            #expect(id == EventID(bytes: UUIDv5.make(namespace: namespace, name: Array("evt-1".utf8)))?.description)
            #expect(try await ask(database, role, publish(event)).value == id)
            #expect(try await ask(database, role, publish(event.replacing("\"7\"", with: "\"8\""))).state == "23505")
            let store = try await database.store()
            let entries = try await store.entries(limit: 10)
            #expect(entries.map(\.id.text) == [id] && entries[0].kind == .event && entries[0].lane == "q-1")
            try await store.removeEntries(entries)
            // Known still, once it was taken over.
            #expect(try await ask(database, role, publish(event)).value == id)
            #expect(try await store.entries(limit: 10) == [])
            await store.close()
        }
    }

    @Test(arguments: ["", "a", "evt-100", "é, ü and 漢字", String(repeating: "x", count: 55), String(repeating: "y", count: 200)])
    func namesBecomeTheSameIDsAsOverHTTP(name: String) async throws {
        try await PostgresDatabase.with { database in
            let namespace = try #require(OrganizationID(organization)).bits.bytes
            let expected = EventID(bytes: UUIDv5.make(namespace: namespace, name: Array(name.utf8)))?.description
            let ids = try await database.values("SELECT gateway.entry_id('\(organization)', '\(name)')::text", as: String.self)
            #expect(ids == [expected])
        }
    }

    @Test func aRoleActsForItsOrganizationsAlone() async throws {
        try await withRole { database, role in
            let event = #"{"type": "quotes.quote.sent", "quoteId": "q-1"}"#
            let elsewhere = try await ask(database, role, publish(event, of: "0195b1f0-0000-7000-8000-000000000002"))
            #expect(elsewhere.state == "42501")
            for table in ["entries", "outbox", "role_grants", "api_keys"] {
                #expect(try await ask(database, role, "SELECT count(*) FROM gateway.\(table)").state == "42501")
            }
            #expect(try await ask(database, role, "gateway.sha1('')").state == "42501")
            #expect(try await ask(database, role, publish(event)).value != nil)
        }
    }

    @Test func aBodyThatIsNoneIsRefusedWithAllItsFaults() async throws {
        try await withRole { database, role in
            // What the server says of it is nothing that the client would repeat.
            try await database.run(
                """
                CREATE FUNCTION public.words(call text) RETURNS text LANGUAGE plpgsql AS
                $$ BEGIN EXECUTE 'SELECT ' || call; RETURN NULL; EXCEPTION WHEN invalid_parameter_value THEN RETURN SQLERRM; END $$
                """)
            let words =
                try await ask(
                    database, role, "public.words($call$\(publish(#"{"type": "x", "eventId": 7}"#))$call$)"
                ).value ?? ""
            for member in ["type", "quoteId", "eventId"] { #expect(words.contains(member)) }
            let message = "gateway.enqueue_message('\(organization)', '{}')"
            #expect(try await ask(database, role, message).state == "22023")
        }
    }

    @Test func whatIsRolledBackWasNeverPutIn() async throws {
        try await withRole { database, role in
            let event = #"{"type": "quotes.quote.sent", "quoteId": "q-1", "eventId": "e"}"#
            let pool = PostgresPool(try PostgresConfiguration(url: database.url(as: role)), logger: quiet)
            try await pool.withTransaction { transaction throws(PostgresError) in
                _ = try await transaction.run(.count(SQL(once: "SELECT \(publish(event))"), values: []))
                return .rollBack(())
            }
            await pool.close()
            let store = try await database.store()
            #expect(try await store.entries(limit: 10) == [])
            await store.close()
        }
    }

    @Test func whatCannotBeTakenStaysWithItsReason() async throws {
        try await withRole { database, role in
            #expect(try await ask(database, role, publish(#"{"type": "quotes.quote.sent", "quoteId": "q-1"}"#)).value != nil)
            let store = try await database.store()
            let entry = try #require(try await store.entries(limit: 10).first)
            try await store.refuse(entry, because: "leadId is required", at: Given.start)
            #expect(try await store.entries(limit: 10) == [])
            #expect(try await database.values("SELECT refusal FROM gateway.entries", as: String.self) == ["leadId is required"])
            _ = try await store.purge(settledBefore: Given.start, eventsBefore: Given.day(1), limit: 100)
            #expect(try await database.values("SELECT count(*) FROM gateway.entries", as: Int.self) == [0])
            await store.close()
        }
    }

    @Test func oneLeadsAtATimeAndTheNextOneInANewTerm() async throws {
        try await PostgresDatabase.with { database in
            let store = try await database.store()
            let (first, second) = (UUIDBits.version7(), UUIDBits.version7())
            #expect(try await store.takeLead(in: "x", as: first, for: .seconds(60)) == 1)
            #expect(try await store.takeLead(in: "x", as: second, for: .seconds(60)) == nil)
            #expect(try await store.takeLead(in: "x", as: first, for: .seconds(60)) == 1)
            #expect(try await store.takeLead(in: "y", as: second, for: .seconds(60)) == 1)
            try await store.giveUpLead(in: "x", as: second)
            #expect(try await store.takeLead(in: "x", as: second, for: .seconds(60)) == nil, "it was not its own to give up")
            try await store.giveUpLead(in: "x", as: first)
            #expect(try await store.takeLead(in: "x", as: second, for: .zero) == 2)
            // Its time was over at once.
            #expect(try await store.takeLead(in: "x", as: first, for: .seconds(60)) == 3)
            await store.close()
        }
    }
}
