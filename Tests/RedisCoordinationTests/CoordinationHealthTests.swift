import AdapterKit
import Testing

@testable import RedisCoordination

@Suite struct CoordinationHealthTests {
    private let start = Timestamp(seconds: 1_000_000)
    private func at(_ milliseconds: Int) -> Timestamp { start + .milliseconds(milliseconds) }

    private func healthy() -> CoordinationHealth {
        var health = CoordinationHealth(patience: .milliseconds(300), at: start)
        var changes: [CoordinationHealth.Change?] = []
        for part in CoordinationHealth.Part.allCases { changes.append(health.up(part, at: start)) }
        #expect(changes == [nil, nil, .connected] && health.isUp && health.state == .healthy)
        return health
    }

    @Test func aServerThatNeverComesIsTold() {
        var health = CoordinationHealth(patience: .milliseconds(300), at: start)
        #expect(health.down(.commands, .unreachable, at: at(10)) == nil && !health.isUp)
        #expect(health.lookAt == at(1300), "who starts has the time to connect")
        #expect(health.look(at: at(1299)) == nil)
        #expect(health.look(at: at(1300)) == .degraded(.unreachable))
        #expect(health.down(.commands, .unreachable, at: at(1900)) == nil, "said once")
        #expect(health.lookAt == nil && health.degraded(at: at(2300)) == .milliseconds(2300))
    }

    @Test func whatFailsForAMomentIsNotTold() {
        var health = healthy()
        #expect(health.down(.commands, .lost, at: at(1000)) == nil && !health.isUp)
        #expect(health.up(.commands, at: at(1200)) == nil && health.isUp)
        #expect(health.look(at: at(5000)) == nil && health.state == .healthy)
        #expect(health.reconnects == 1 && health.degraded(at: at(5000)) == .zero)
    }

    @Test func degradedAndRecoveredOnceEachHoweverItComesBack() {
        var health = healthy()
        var changes: [CoordinationHealth.Change?] = []
        changes.append(health.down(.commands, .timeout, at: at(1000)))
        changes.append(health.down(.subscription, .timeout, at: at(1050)))
        changes.append(health.down(.commands, .unreachable, at: at(1400)))
        changes.append(health.down(.subscription, .unreachable, at: at(1500)))
        changes.append(health.up(.subscription, at: at(3000)))
        changes.append(health.down(.subscription, .lost, at: at(3010)))
        changes.append(health.up(.commands, at: at(3100)))
        #expect(!health.isUp)
        changes.append(health.up(.subscription, at: at(4000)))
        #expect(changes.compactMap(\.self) == [.degraded(.unreachable), .recovered(after: .seconds(3))])
        #expect(health.reconnects == 3 && health.degraded(at: at(9000)) == .seconds(3))
    }

    @Test func aServerThatRefusesToWorkIsAwayToo() {
        var health = healthy()
        #expect(health.down(.service, .refused("READONLY"), at: at(0)) == nil)
        #expect(health.look(at: at(300)) == .degraded(.refused("READONLY")))
        #expect(health.up(.service, at: at(700)) == .recovered(after: .milliseconds(700)))
        #expect(health.reconnects == 0)
    }
}
