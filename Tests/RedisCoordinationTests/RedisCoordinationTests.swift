import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import RedisTesting
import Testing

@testable import RedisCoordination

/// Nodes over a real server that is killed, hangs, is emptied, only reads, and holds what it should not.
@Suite(.timeLimit(.minutes(3))) struct RedisCoordinationTests {
    private let away = "redis is away"
    private let back = "redis is back"

    // MARK: What is told

    @Test func whatOneNodeTellsTheOthersHearAndItselfDoesNot() async throws {
        try await Fleet.with(3) { fleet in
            let (first, others) = (fleet.members[0], fleet.members.dropFirst())
            let wake = Wake(.email, dueIn: .milliseconds(250))
            let news = CircuitNews.paused(probeIn: .seconds(2), .authentication, code: "535 5.7.8")
            let change = DeliveryChangeNotice(organizationID: .make(), deliveryID: .make(), revision: Timestamp(seconds: 1_700_000_000))
            first.coordination.publish([wake])
            first.coordination.publish(news, on: .email)
            first.coordination.publish([change])
            for other in others {
                await other.wakes.wait { $0.contains(.wakes([wake])) }
                await other.circuits.wait { $0 == [news] }
                await other.changes.wait { $0 == [change] }
            }
            // Whatever it heard of itself would have come before this.
            fleet.members[1].coordination.publish(.closed, on: .email)
            await first.circuits.wait { $0 == [.closed] }
            #expect(first.wakes.withLock { $0 } == [.hearing] && first.changes.withLock { $0 } == [])
        }
    }

    @Test func nodesOnOtherDatabasesOfTheServerAreOthers() async throws {
        try await Fleet.with(1) { fleet in
            try await fleet.server.run("PUBLISH", "gateway:1:wakes", "stranger email=0")
            try await fleet.server.run("PUBLISH", "gateway:0:wakes", "stranger email=0")
            try await fleet.server.run("PUBLISH", "gateway:0:circuits", "nonsense")
            try await fleet.server.run("PUBLISH", "gateway:0:changes", "")
            try await fleet.server.run("PUBLISH", "gateway:0:wakes", "stranger sms=0")
            await fleet.members[0].wakes.wait { $0.count >= 3 }
            let heard = fleet.members[0].wakes.withLock { $0 }
            #expect(heard == [.hearing, .wakes([Wake(.email, dueIn: .zero)]), .wakes([Wake("sms", dueIn: .zero)])])
        }
    }

    // MARK: Faults

    @Test func aCrashIsToldOnceAndSoIsTheRecovery() async throws {
        try await Fleet.with(2) { fleet in
            for round in 1...2 {
                await fleet.server.kill()
                for member in fleet.members {
                    await member.says(away)
                    #expect(!member.coordination.figures.isUp)
                    guard case .share(let nodes, _) = await member.coordination.take(5, of: limit()) else {
                        return #expect(Bool(false), "nobody to ask")
                    }
                    #expect(nodes == 2, "who was there is not forgotten")
                }
                try await fleet.server.start()
                for member in fleet.members { await member.says(back) }
                for member in fleet.members { try await member.knows(nodes: 2) }
                #expect(await fleet.members[0].coordination.take(1, of: limit()).tokens == 1, "scripts are told anew")
                fleet.members[0].coordination.publish(.opened(probeIn: .seconds(round)), on: .email)
                await fleet.members[1].circuits.wait { $0.contains(.opened(probeIn: .seconds(round))) }
            }
            for member in fleet.members {
                let outages = try #require(member.outages, "each told once: \(member.lines)")
                #expect(outages >= 2)
                let figures = member.coordination.figures
                #expect(figures.isUp && figures.reconnects >= 4 && figures.degraded > .zero)
                // Each time hearing begins anew, something may have been missed.
                #expect(member.wakes.withLock { $0.count { $0 == .hearing } } >= 3)
            }
        }
    }

    @Test func aServerThatHangsHoldsNobodyUp() async throws {
        try await Fleet.with(1) { fleet in
            let member = fleet.members[0]
            #expect(await member.coordination.take(1, of: limit()).tokens == 1)
            fleet.server.pause()
            for _ in 0..<200 {
                guard case .share = await member.coordination.take(1, of: limit()) else { return #expect(Bool(false)) }
                member.coordination.publish([Wake(.email, dueIn: .zero)])
            }
            await member.says(away)
            fleet.server.resume()
            await member.says(back)
            let outages = try #require(member.outages, "each told once: \(member.lines)")
            #expect(outages >= 1)
        }
        let configuration = try RedisConfiguration(url: "redis://localhost")
        let worst = configuration.heartbeat + configuration.timeout + configuration.patience
        #expect(worst < .seconds(1) && configuration.timeout <= .milliseconds(200), "nobody waits longer, and it is told within a second")
    }

    @Test func aServerThatOnlyReadsIsAway() async throws {
        try await Fleet.with(1) { fleet in
            try await fleet.server.run("REPLICAOF", "127.0.0.1", "1")
            await fleet.members[0].says("redis is away: each node keeps to itself (it refuses (READONLY))")
            try await fleet.server.run("REPLICAOF", "NO", "ONE")
            await fleet.members[0].says(back)
        }
    }

    @Test func aServerThatIsNeverThereIsToldOnce() async throws {
        let server = try await RedisServer()
        await server.kill()
        let member = try Member(server)
        await member.says("redis is away: each node keeps to itself (it cannot be reached)")
        #expect(await member.coordination.take(1, of: limit()) == .share(ofNodes: 1, for: .milliseconds(500)))
        try await server.start()
        await member.says(back)
        let outages = try #require(member.outages, "each told once: \(member.lines)")
        #expect(outages >= 1)
        await member.stop()
        await server.kill()
    }

    // MARK: Limits

    @Test func aSharedLimitHoldsOverTwoNodesWhateverIsDoneToTheServer() async throws {
        try await Fleet.with(2) { fleet in
            let clock = ContinuousClock()
            let begun = clock.now
            let (perSecond, burst, faults) = (400.0, 40, 6)
            let granted = try await withThrowingTaskGroup(of: Int.self) { group in
                for member in fleet.members {
                    group.addTask {
                        var granted = 0
                        while clock.now < begun + .seconds(2) || granted == 0 {
                            let limit = SharedLimit(RateKey(channel: .email), perSecond: perSecond, burst: burst)
                            guard case .tokens(let count, let wait) = await member.coordination.take(10, of: limit) else { continue }
                            granted += count
                            if count == 0 { try await clock.sleep(for: wait) }
                        }
                        return granted
                    }
                }
                group.addTask {
                    for _ in 0..<(faults / 2) {
                        try await fleet.server.run("FLUSHALL")
                        try await fleet.server.run("SCRIPT", "FLUSH")
                        try await fleet.server.run("SET", "gateway:rate:{-:email:default}", "spoilt")
                        try await fleet.server.run("SET", "gateway:{nodes}", "spoilt")
                    }
                    return 0
                }
                return try await group.reduce(0, +)
            }
            let elapsed = (clock.now - begun) / .seconds(1)
            let most = perSecond * elapsed + Double(burst * (1 + faults))
            #expect(Double(granted) <= most && granted >= burst, "\(granted) of at most \(most)")
            for member in fleet.members { #expect(member.lines.allSatisfy { !$0.contains("refuses") }, "none of it is an outage") }
        }
    }

    @Test func everyAccountAndRecipientHasABucketOfItsOwn() async throws {
        try await Fleet.with(1) { fleet in
            let coordination = fleet.members[0].coordination
            let phones = ["+316123", "+3161234"].map { Endpoint(channel: .whatsapp, address: $0) }
            var keys = phones.map { RateKey(channel: .whatsapp, recipient: $0) }
            keys += [RateKey(channel: .whatsapp), RateKey(channel: .email), RateKey(organizationID: .make(), channel: .email)]
            keys.append(RateKey(channel: .email, account: "second"))
            for key in keys {
                let limit = SharedLimit(key, perSecond: 0.001, burst: 2)
                #expect(await coordination.take(5, of: limit) == .tokens(2, wait: .seconds(1000)))
                guard case .tokens(0, let wait) = await coordination.take(1, of: limit) else { return #expect(Bool(false)) }
                #expect(wait > .seconds(900) && wait <= .seconds(1000))
            }
            #expect(try await !fleet.server.run("KEYS", "*").contains("+316"), "no address stands in Redis")
            let expiry = try #require(Int(try await fleet.server.run("PTTL", "gateway:rate:{-:email:default}")))
            #expect(expiry > 1_000_000 && expiry <= 2_001_000, "what would be full again is forgotten")
        }
    }

    @Test func aSpoiltBucketBeginsEmpty() async throws {
        try await Fleet.with(1) { fleet in
            try await fleet.server.run("LPUSH", "gateway:rate:{-:email:default}", "x")
            #expect(await fleet.members[0].coordination.take(5, of: limit()).tokens == 0)
            try await fleet.server.run("DEL", "gateway:rate:{-:email:default}")
            #expect(await fleet.members[0].coordination.take(5, of: limit()).tokens == 5)
        }
    }

    private func limit() -> SharedLimit { SharedLimit(RateKey(channel: .email), perSecond: 0.01, burst: 50) }
}

extension RateGrant {
    var tokens: Int? { if case .tokens(let count, _) = self { count } else { nil } }
}
