import GatewayTestKit
import RedisTesting
import Testing

@testable import RedisCoordination

/// A connection against a real server that is killed, hangs and refuses.
@Suite(.timeLimit(.minutes(2))) struct RedisLinkTests {
    @Test func pipelinesWhatManyAskAtOnce() async throws {
        let server = try await RedisServer()
        let heard = Heard()
        let link = RedisLink(try RedisConfiguration(url: server.url), listener: heard)
        await heard.isOpened(times: 1)
        let sum = await withTaskGroup(of: Int64.self) { group in
            for _ in 0..<1000 { group.addTask { if case .success(.integer(let n)) = await link.send(["INCR", "n"]) { n } else { 0 } } }
            return await group.reduce(0, +)
        }
        #expect(sum == 500_500)
        #expect(await link.send(["ECHO", "ü\0\r\n"]) == .success(.text("ü\0\r\n")))
        #expect(await link.send(["ECHO", ""]) == .success(.text("")))
        #expect(await link.send(["GET", "none"]) == .success(.null))
        #expect(
            await link.send(["EVAL", "return {1, 'a', {2}}", "0"]) == .success(.list([.integer(1), .text("a"), .list([.integer(2)])])))
        #expect(await link.send(["LPUSH", "n", "x"]).refusal?.hasPrefix("WRONGTYPE") == true)
        link.post(["SET", "posted", "yes"])
        #expect(await link.send(["GET", "posted"]) == .success(.text("yes")))
        await link.close()
        #expect(await link.send(["PING"]) == .failure(.away))
        await server.kill()
    }

    @Test func comesBackByItselfAfterACrashAndNobodyWaitsMeanwhile() async throws {
        let server = try await RedisServer()
        let heard = Heard()
        let link = RedisLink(try RedisConfiguration(url: server.url), listener: heard)
        for round in 1...3 {
            await heard.isOpened(times: round)
            #expect(await link.send(["PING"]) == .success(.text("PONG")))
            await server.kill()
            await heard.hasFailed(with: .unreachable, after: round)
            #expect(await link.send(["PING"]) == .failure(.away))
            try await server.start()
        }
        await heard.isOpened(times: 4)
        await link.close()
        await server.kill()
    }

    @Test func aServerThatHangsIsGivenUpAndTakenUpAgain() async throws {
        let server = try await RedisServer()
        let heard = Heard()
        let link = RedisLink(try RedisConfiguration(url: server.url), listener: heard)
        await heard.isOpened(times: 1)
        server.pause()
        #expect(await link.send(["PING"]) == .failure(.timeout))
        // Connecting still works; the system does that for it.
        await heard.hasFailed(with: .timeout, after: 1)
        server.resume()
        await heard.isOpened(times: 2)
        // Nobody asks, and it is noticed all the same.
        server.pause()
        await heard.hasFailed(with: .timeout, after: 2)
        server.resume()
        await heard.isOpened(times: 3)
        await link.close()
        await server.kill()
    }

    @Test func logsInOrSaysWhyNot() async throws {
        let server = try await RedisServer(settings: ["requirepass": "s3cret"])
        let (inside, outside) = (Heard(), Heard())
        let link = RedisLink(try RedisConfiguration(url: "redis://:s3cret@127.0.0.1:\(server.port)/5"), listener: inside)
        await inside.isOpened(times: 1)
        _ = await link.send(["SET", "where", "five"])
        #expect(try await server.run("-n", "5", "GET", "where") == "five")
        let wrong = RedisLink(try RedisConfiguration(url: "redis://:wrong@127.0.0.1:\(server.port)"), listener: outside)
        await outside.hasFailed(with: .refused("WRONGPASS"), after: 0)
        #expect(await wrong.send(["PING"]) == .failure(.away))
        await link.close()
        await wrong.close()
        await server.kill()
    }

    @Test func hearsWhatItSubscribedToAlsoAfterACrash() async throws {
        let server = try await RedisServer()
        let heard = Heard()
        let link = RedisLink(try RedisConfiguration(url: server.url), subscribingTo: ["one", "two"], listener: heard)
        for round in 1...2 {
            await heard.isOpened(times: round)
            try await server.run("PUBLISH", "two", "hello \(round)")
            try await server.run("PUBLISH", "three", "not for us")
            try await server.run("PUBLISH", "one", "you \(round)")
            await heard.hasHeard(["two hello \(round)", "one you \(round)"])
            await server.kill()
            await heard.hasFailed(with: .unreachable, after: round)
            try await server.start()
        }
        #expect(heard.messages == ["two hello 1", "one you 1", "two hello 2", "one you 2"])
        await link.close()
        await server.kill()
    }

    @Test func whatIsNotRedisIsNotBelieved() async throws {
        let heard = Heard()
        let server = try await RedisServer()
        let link = RedisLink(try RedisConfiguration(url: server.url + "?db=99"), listener: heard)
        await heard.hasFailed(with: .refused("ERR"), after: 0)
        await link.close()
        await server.kill()
    }
}

/// Remembers what a connection told.
final class Heard: RedisListener {
    enum Event: Hashable, Sendable {
        case opened
        case failed(RedisFailure)
        case message(String)
    }

    private let events = Watched<[Event]>([])

    func opened() { events.withLock { $0.append(.opened) } }
    func failed(_ failure: RedisFailure) { events.withLock { $0.append(.failed(failure)) } }
    func heard(_ payload: String, on channel: String) { events.withLock { $0.append(.message("\(channel) \(payload)")) } }

    var messages: [String] { events.withLock { $0.compactMap { if case .message(let text) = $0 { text } else { nil } } } }

    func isOpened(times: Int) async { await events.wait { $0.count { $0 == .opened } >= times } }

    /// Waits for that failure after the connection was open `count` times.
    func hasFailed(with failure: RedisFailure, after count: Int) async {
        await events.wait { events in
            var opened = 0
            return events.contains { event in
                if event == .opened { opened += 1 }
                return opened == count && event == .failed(failure)
            }
        }
    }

    func hasHeard(_ texts: [String]) async { await events.wait { events in texts.allSatisfy { events.contains(.message($0)) } } }
}

extension Result<RedisReply, RedisFailure> {
    var refusal: String? { if case .success(.refusal(let text)) = self { text } else { nil } }
}
