import AdapterKit
import Foundation
import GatewayTestKit
import PostgresClient
import PostgresTesting
import ProviderSimulators
import StoreBackends
import Testing

/// A database that is neither there nor gone, and a daemon that begins while it is away.
@Suite(.serialized)
struct SpoolFaultTests {
    private static let legacy = ["email lead legacy enqueue_failed", "whatsapp lead deferred enqueue_failed"]

    /// A call that waits for the store waits for half a minute.
    @Test func aDatabaseThatIsSilentIsNotWaitedFor() async throws {
        try await SpoolBench.withRelay { gateway, relay, _ in
            let daemon = gateway.daemon
            relay.cut()
            let began = ContinuousClock.now
            let reply = try await daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("silent"))
            #expect(reply.status == 202 && reply.json.words == Self.legacy)
            let ready = try await daemon.call("GET", "/readyz")
            #expect(ready.status == 200 && ready.json.text("status") == "degraded" && ready.json.text("store") == "unavailable")
            for number in 0..<5 {
                #expect(try await daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("more\(number)")).status == 202)
            }
            #expect(began.duration(to: .now) < .seconds(15))
            try await daemon.look("for the legacy mail") { SpoolBench.mails("silent", at: gateway) == 1 ? () : nil }
            relay.mend()
            try await daemon.look("that all is joined") {
                try await daemon.call("GET", "/readyz").json["spool"]?["events"]?.intValue == 0 ? () : nil
            }
            let deliveries = try await daemon.deliveries("&quoteId=q-silent") {
                $0.count == 2 && $0.allSatisfy { $0.text("status") == "succeeded" && !$0.isPossibleDuplicate }
            }
            #expect(deliveries.contains { $0.text("origin") == "legacy" } && SpoolBench.mails("silent", at: gateway) == 1)
        }
    }

    /// The database commits and its answer does not arrive: nothing is decided here, and what stands there is found afterwards.
    @Test func aCommitWhoseAnswerIsLost() async throws {
        try await SpoolBench.withRelay { gateway, relay, database in
            let daemon = gateway.daemon
            // Holds a commit until somebody else lets go of the lock.
            try await database.run(
                """
                CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN PERFORM pg_catalog.pg_advisory_xact_lock(42); RETURN NULL; END'
                """,
                """
                CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON gateway.quote_tokens DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION public.hold()
                """)
            let (isHeld, mayGo) = (Watched(false), Watched(false))
            let holder = Task {
                try await database.withPool { pool in
                    try await pool.withTransaction { transaction throws(PostgresError) in
                        _ = try await transaction.run(.count("SELECT pg_advisory_xact_lock(42)"))
                        isHeld.withLock { $0 = true }
                        await mayGo.wait { $0 }
                        return .commit(())
                    }
                }
            }
            await isHeld.wait { $0 }
            async let published = daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("lost"))
            try await daemon.look("at the commit") {
                try await database.values("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", as: Int.self) == [1]
                    ? () : nil
            }
            relay.cut()
            mayGo.withLock { $0 = true }
            try await holder.value
            try await daemon.look("at the event") {
                try await database.values("SELECT count(*) FROM gateway.events", as: Int.self) == [1] ? () : nil
            }
            let reply = try await published
            #expect(reply.status == 202)
            #expect(reply.json.words == ["email lead deferred enqueue_failed", "whatsapp lead deferred enqueue_failed"])
            #expect(SpoolBench.mails("lost", at: gateway) == 0)
            relay.mend()
            try await daemon.look("that it is joined") {
                let spool = try await daemon.call("GET", "/readyz").json["spool"]
                return spool?["events"]?.intValue == 0 && spool?["joined"]?.intValue == 1 ? () : nil
            }
            let deliveries = try await daemon.deliveries("&quoteId=q-lost") {
                $0.count == 2 && $0.allSatisfy { $0.text("status") == "succeeded" && !$0.isPossibleDuplicate }
            }
            #expect(deliveries.allSatisfy { $0.text("origin") == "workflow" } && SpoolBench.mails("lost", at: gateway) == 1)
            #expect(gateway.providers.whatsapp.count == 1)
            let events = try await daemon.call("GET", "/api/v1/events?quoteId=q-lost").json["events"]?.arrayValue ?? []
            #expect(events.map(\.words) == [["email lead enqueued rule_enabled", "whatsapp lead enqueued rule_enabled"]])
        }
    }

    /// A quote that is sent again while nobody can know its token: the link of the second mail leads to it as well as that of the first.
    @Test func aQuoteThatIsSentAgainMeanwhile() async throws {
        try await SpoolBench.with { bench in
            let first = try await bench.daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("again"))
            await bench.server.stop(.fast)
            let second = try await bench.daemon.call(
                "POST", "/api/v1/quote-events", SpoolBench.event("again").merging(["eventId": "evt-again-2"]))
            #expect(second.status == 202 && second.json.words == Self.legacy)
            let links = [first, second].map { $0.json.text("publicToken") }
            #expect(Set(links).count == 2 && !links.contains(""))
            try await bench.server.start()
            try await bench.spool("that it is joined") { $0["events"]?.intValue == 0 }
            for link in links {
                let quote = try await bench.daemon.call("GET", "/api/v1/public/quotes/\(link)")
                #expect(quote.status == 200 && quote.json.text("quoteNumber") == "N-again", "\(quote.json.text)")
            }
            #expect(try await bench.daemon.call("POST", "/api/v1/public/quotes/\(links[1])/accept", ["signatureName": "Jan"]).status == 200)
            #expect(try await bench.daemon.call("POST", "/api/v1/public/quotes/\(links[0])/accept", ["signatureName": "Jan"]).status == 409)
        }
    }

    /// A daemon that has seen the store begins without it; one that has not says so and ends.
    @Test func aDaemonBeginsWhileTheDatabaseIsAway() async throws {
        try await SpoolBench.with { bench in
            let daemon = bench.daemon
            let newer = "(2000, '2000_future', 'x', 2000)"
            try await bench.stopDaemon()
            await bench.server.stop(.fast)

            let stranger = await (try bench.serve(spoolNamed: "stranger")).result()
            #expect(stranger.0 == 1 && stranger.2.contains("there is nothing to begin on"), "\(stranger.2)")

            try await daemon.start()
            let ready = try await daemon.call("GET", "/readyz")
            #expect(ready.status == 200 && ready.json.text("status") == "degraded" && ready.json.text("store") == "unavailable")
            let reply = try await daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("early"))
            #expect(reply.status == 202 && reply.json.words == Self.legacy)
            try await daemon.look("for the legacy mail") { bench.mails("early") == 1 ? () : nil }
            try await bench.server.start()
            try await bench.spool("that it is joined") { $0["events"]?.intValue == 0 && $0["joined"]?.intValue == 1 }
            _ = try await daemon.deliveries("&quoteId=q-early") { $0.count == 2 && $0.allSatisfy { $0.text("status") == "succeeded" } }
            let later = try await daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("later"))
            #expect(later.json.words.first == "email lead enqueued rule_enabled")

            // The schema is another one by the time the database is there: the daemon ends as it would have at its start.
            try await bench.stopDaemon()
            try await bench.sql("INSERT INTO gateway.schema_migrations (number, name, checksum, oldest) VALUES \(newer)")
            await bench.server.stop(.fast)
            try await daemon.start()
            #expect(try await daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("kept")).status == 202)
            try await bench.server.start()
            let (status, log) = await daemon.ended()
            #expect(status == 1 && log.contains("The store was changed by a newer daemon"), "\(log)")
            try await bench.sql("DELETE FROM gateway.schema_migrations WHERE number = 2000")
            try await daemon.start()
            try await bench.spool("that it is joined") { $0["events"]?.intValue == 0 }
            #expect(try await daemon.deliveries("&quoteId=q-kept") { $0.count == 2 }.count == 2)
        }
    }

    @Test func aCheckHasALineForTheSpool() async throws {
        let command = try Command()
        defer { command.remove() }
        let away = "postgres:///none?host=%2Fnonexistent"
        let (open, other) = (command.folder.appending(path: "open.db"), command.folder.appending(path: "other.db"))
        try Data().write(to: open)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: open.path)
        try Data("This is no spool.".utf8).write(to: other)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: other.path)
        for (url, path, line) in [
            (away, command.folder.path + "/new.db", "spool  it can be written"), (away, nil, "warn  spool  is not configured"),
            (away, "/nonexistent/spool.db", "FAIL  spool  its folder /nonexistent/ does not exist"),
            (away, command.folder.path, "FAIL  spool"), (away, open.path, "is open to others than its owner"),
            (away, other.path, "FAIL  spool"), (nil, command.folder.path + "/new.db", "warn  spool  is not used"),
        ] {
            var environment = ProcessInfo.processInfo.environment
            environment["GATEWAYD_STORE_URL"] = url
            environment["GATEWAYD_QUOTES_SPOOL_PATH"] = path
            let output = try await RunningProcess(
                Daemon.binary, ["check", "--config", command.configURL.path], environment: environment
            ).result().1
            let told = output.split(separator: "\n").first { $0.contains("  spool  ") }
            #expect(told?.contains(line) == true, "\(path ?? "no path"): \(output)")
        }
    }
}
