import Foundation
import PostgresTesting
import Testing

@testable import PostgresClient

/// The server's address and the sessions' settings.
struct ConfigurationTests {
    private static func parameters(_ url: String, _ adjustment: Adjustment = .none) throws -> [String: String] {
        var configuration = try PostgresConfiguration(url: url)
        adjustment.apply(&configuration)
        return configuration.url.parameters(configuration)
    }

    @Test(arguments: [
        "", "db", "host=x", "mysql://x/y", "postgres://host:notaport:1/db?", "postgres://u:pass word@h/d?nosuchoption=1",
        "postgres://h/d?sslmode",
    ])
    func whatLibpqCannotReadIsRefusedWithoutRepeatingIt(url: String) {
        #expect(throws: PostgresURLFault()) { try PostgresConfiguration(url: url) }
        #expect(!"\(PostgresURLFault())".contains("pass word"))
    }

    @Test func whatTheURLSaysComesBeforeWhatIsUsual() throws {
        let usual = try Self.parameters("postgres://u:p@h/d")
        #expect(usual["host"] == "h" && usual["user"] == "u" && usual["password"] == "p" && usual["dbname"] == "d")
        #expect(usual["connect_timeout"] == "5" && usual["tcp_user_timeout"] == "30000" && usual["keepalives_idle"] == "20")
        #expect(usual["target_session_attrs"] == "read-write" && usual["client_encoding"] == "UTF8")
        let given = try Self.parameters(
            "postgresql://u@a:1,b:2/d?connect_timeout=9&target_session_attrs=any&sslmode=verify-full&sslrootcert=%2Fca.pem&options=-c%20geqo%3Doff"
        )
        #expect(given["host"] == "a,b" && given["port"] == "1,2")
        #expect(given["connect_timeout"] == "9" && given["target_session_attrs"] == "any")
        #expect(given["sslmode"] == "verify-full" && given["sslrootcert"] == "/ca.pem")
        #expect(given["options"]?.hasSuffix(" -c geqo=off") == true)
    }

    @Test func settingsGoWithTheConnectionUnlessAPoolerStandsBetween() throws {
        let settings = Adjustment.set {
            $0.statementTimeout = .seconds(3)
            $0.lockTimeout = .nanoseconds(1)
            $0.settings = ["search_path": "a, b\\"]
        }
        #expect(
            try Self.parameters("postgres://h/d", settings)["options"]
                == #"-c idle_in_transaction_session_timeout=60000 -c lock_timeout=1 -c search_path=a,\ b\\ -c statement_timeout=3000"#)
        #expect(
            try Self.parameters(
                "postgres://h/d",
                .set {
                    settings.apply(&$0)
                    $0.pooler = .transaction
                })["options"] == nil)
    }

    @Test func theServerHasTheSettings() async throws {
        try await withPool(nil, .set { $0.settings = ["search_path": #"one, "two \ three""#, "synchronous_commit": "on"] }) { pool throws in
            #expect(try await pool.value("SHOW search_path") == #"one, "two \ three""#)
            #expect(try await pool.value("SHOW statement_timeout") == "30s")
            #expect(try await pool.value("SHOW lock_timeout") == "10s")
            #expect(try await pool.value("SHOW idle_in_transaction_session_timeout") == "1min")
            #expect(try await pool.value("SHOW application_name") == "gatewayd")
        }
    }

    @Test func nothingOfTheAddressIsShown() throws {
        let configuration = try PostgresConfiguration(url: "postgres://user:secret@host.example/db")
        for text in [
            "\(configuration)", String(reflecting: configuration), "\(Mirror(reflecting: configuration).children.map { "\($0)" })",
        ] {
            #expect(!text.contains("secret") && !text.contains("host.example"))
        }
    }

    @Test func connectsOverTCPWithAPassword() async throws {
        let server = try await PostgresServer.shared
        let url = server.urlOverTCP(try await server.database())
        try await withPool(url) { pool throws in
            #expect(try await pool.value("SELECT inet_client_addr() IS NOT NULL") == true)
        }
        try await withPool(url.replacingOccurrences(of: "@", with: "x@")) { pool throws in
            let error = await failure { () throws(PostgresError) in try await pool.run(.count("SELECT 1")) }
            #expect(error?.code == .unavailable)
            #expect(error.map { "\($0)" } == "PostgreSQL cannot be reached")
            #expect(error.map { String(reflecting: $0).contains("password authentication failed") } == true)
        }
    }

    @Test func theServerIsKnownByItsCertificate() async throws {
        let server = try await PostgresServer.shared
        let url = server.urlOverTCP(try await server.database()).replacingOccurrences(of: "127.0.0.1", with: "localhost")
        let trusted = url + "?sslmode=verify-full&sslrootcert=" + server.certificate.replacingOccurrences(of: "/", with: "%2F")
        try await withPool(trusted, .set { $0.maxConnections = 1 }) { pool in
            #expect(try await pool.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == true)
            // Many sizes, so that the ends of TLS records fall everywhere.
            let texts = try await pool.run(
                .all("SELECT repeat('x', n::int4) FROM generate_series($1, $2, $3) AS n", 1, 40_000, 997) {
                    try $0.read(String.self).utf8.count
                })
            #expect(texts == Array(stride(from: 1, through: 40_000, by: 997)))
            for size in stride(from: 8_000, through: 70_000, by: 1_999) {
                let bytes = [UInt8](repeating: 7, count: size)
                let echo = try await pool.run(.first("SELECT $1", bytes) { try $0.read([UInt8].self) })
                #expect(echo == bytes)
            }
            #expect(pool.statistics.connections == 1)
        }
        try await withPool(url + "?sslmode=verify-full") { pool throws in
            let error = await failure { () throws(PostgresError) in try await pool.run(.count("SELECT 1")) }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func textsAreKnownByTheirIdentity() {
        func literal() -> SQL { "SELECT 1" }
        #expect(literal().address == literal().address && literal().address != nil)
        let shared = SQL(shared: "SELECT 1")
        #expect(shared.address == shared.address && shared.address != nil)
        #expect(SQL(shared: "SELECT 1").address != shared.address)
        #expect(SQL(once: "SELECT 1").address == nil)
        #expect([literal(), shared, SQL(once: "SELECT 1")].map(\.text) == Array(repeating: "SELECT 1", count: 3))
    }
}
