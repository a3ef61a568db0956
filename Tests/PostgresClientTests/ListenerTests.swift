import PostgresTesting
import Testing

@testable import PostgresClient

/// Notifications, and what is said when they cannot be heard.
struct ListenerTests {
    @Test func hearsWhatIsNotifiedAfterItListens() async throws {
        let url = try await PostgresServer.shared.database()
        let listener = PostgresListener(try PostgresConfiguration(url: url), listen: ["LISTEN wake", "LISTEN other"], logger: .quiet)
        var events = listener.events.makeAsyncIterator()
        #expect(await events.next() == .listening)
        try await withPool(url) { pool in
            for number in 1...100 { _ = try await pool.run(.count("SELECT pg_notify('wake', $1)", "n\(number)")) }
            _ = try await pool.run(.count("SELECT pg_notify('deaf', '')"), .count("NOTIFY other"))
        }
        for number in 1...100 {
            #expect(await events.next() == .notification(PostgresNotification(channel: "wake", payload: "n\(number)")))
        }
        #expect(await events.next() == .notification(PostgresNotification(channel: "other", payload: "")))
        await listener.close()
        #expect(await events.next() == nil)
    }

    @Test func saysWhenItIsAwayAndComesBackByItself() async throws {
        let url = try await PostgresServer.shared.database()
        var configuration = try PostgresConfiguration(url: url)
        configuration.reconnectAfter = .milliseconds(10)
        let listener = PostgresListener(configuration, listen: ["LISTEN wake"], logger: .quiet)
        var events = listener.events.makeAsyncIterator()
        try await withPool(url) { pool in
            for _ in 1...3 {
                #expect(await events.next() == .listening)
                _ = try await pool.run(
                    .count(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                    ))
                #expect(await events.next() == .away)
            }
            #expect(await events.next() == .listening)
            _ = try await pool.run(.count("NOTIFY wake, 'again'"))
            #expect(await events.next() == .notification(PostgresNotification(channel: "wake", payload: "again")))
        }
        await listener.close()
    }

    @Test func aListenerWithoutAServerCanBeClosed() async throws {
        var configuration = try PostgresConfiguration(url: "postgres:///x?host=%2Fnonexistent")
        configuration.reconnectAfter = .milliseconds(1)
        let listener = PostgresListener(configuration, listen: ["LISTEN wake"], logger: .quiet)
        let next = Task { [events = listener.events] in
            var iterator = events.makeAsyncIterator()
            return await iterator.next()
        }
        next.cancel()
        #expect(await next.value == nil)
        await listener.close()
        var events = listener.events.makeAsyncIterator()
        #expect(await events.next() == nil)
    }

    @Test func whoIsSlowIsToldToLookInsteadOfBeingToldEverything() async {
        let events = PostgresEvents()
        for number in 1...1025 { events.put(.notification(PostgresNotification(channel: "c", payload: "\(number)"))) }
        events.put(.away)
        events.finish()
        events.put(.listening)
        var iterator = events.makeAsyncIterator()
        #expect(await iterator.next() == .listening)
        #expect(await iterator.next() == .away)
        #expect(await iterator.next() == nil)
    }
}
