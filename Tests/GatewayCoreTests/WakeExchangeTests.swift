import AdapterKit
import GatewayTestKit
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import GatewayCore

@Suite(.timeLimit(.minutes(1))) struct WakeExchangeTests {
    // MARK: What travels

    @Test func messagesAreReadAsTheyWereWritten() {
        let node = NodeID()
        let wakes = [Wake(.email, dueIn: .zero), Wake(nil, dueIn: .milliseconds(1500)), Wake("sms", dueIn: .seconds(-5))]
        let message = WakeMessage(from: node, wakes)
        #expect(message.text == "\(node) email=0 *=1500 sms=0")
        #expect(WakeMessage(message.text) == message)
        #expect(WakeMessage("") == nil && WakeMessage("  ") == nil)
        for garbage in ["x", "email", "email=", "email=-1", "=5=", "email=99999999999999999999", "\u{0}"] {
            #expect(WakeMessage("n \(garbage)")?.wakes == [Wake(nil, dueIn: .zero)], "what cannot be read wakes everybody")
        }
    }

    // MARK: How often

    @Test func theFirstLeavesAtOnceAndTheEarliestOfTheRestLater() {
        let start = Timestamp(seconds: 1_000_000)
        var coalescer = WakeCoalescer()
        #expect(coalescer.add(.email, dueAt: start, at: start) == true)
        #expect(coalescer.flushAt == nil)
        #expect(coalescer.add(.email, dueAt: start + .seconds(9), at: start + .milliseconds(1)) == false)
        #expect(coalescer.add(.email, dueAt: start + .seconds(3), at: start + .milliseconds(2)) == false)
        #expect(coalescer.add(.webhook, dueAt: start, at: start + .milliseconds(2)) == true, "each channel for itself")
        #expect(coalescer.flushAt == start + .milliseconds(5))
        #expect(coalescer.due(at: start + .milliseconds(4)).isEmpty)
        let due = coalescer.due(at: start + .milliseconds(5))
        #expect(due.count == 1 && due[0].0 == .email && due[0].dueAt == start + .seconds(3))
        #expect(
            coalescer.add(.email, dueAt: start, at: start + .milliseconds(9)) == false,
            "what was held back counts as sent when it leaves")
        #expect(coalescer.add(.email, dueAt: start, at: start + .milliseconds(1)) == true, "a clock that was set back holds nobody up")
    }

    @Test func atMostOneEveryFewMilliseconds() {
        let start = Timestamp(seconds: 1_000_000)
        var coalescer = WakeCoalescer()
        var sent = 0
        for step in 0..<10_000 {
            let now = start + .microseconds(Int64(step) * 100)
            sent += coalescer.due(at: now).count
            if coalescer.add(.email, dueAt: now, at: now) { sent += 1 }
        }
        #expect((199...201).contains(sent), "a second's worth of wakes, at one in five milliseconds")
    }

    // MARK: Between relays

    @Test func whatIsWokenHereIsToldThereAndNotBack() async {
        let clock = ManualClock()
        let (here, there) = (Listening(clock), Listening(clock))
        connect([here, there])
        here.relay.wake(.email, dueAt: clock.now + .seconds(7))
        #expect(here.woken == ["email 7.0"] && there.woken == ["email 7.0"])
        #expect(here.transport.published == 1 && there.transport.published == 0)
        // More within the gap is told together.
        for second in [5, 3, 4] { here.relay.wake(.email, dueAt: clock.now + .seconds(second)) }
        #expect(there.woken.count == 1)
        await clock.advance(toSleeperAt: clock.now + .milliseconds(5))
        await there.isWoken(times: 2)
        #expect(there.woken[1] == "email 2.995" && here.transport.published == 2)
        there.relay.wake(nil, dueAt: clock.now)
        #expect(here.woken.last == "any 0.0")
    }

    @Test func whatIsToldGoesOverTheFirstThatHears() async {
        let clock = ManualClock()
        let relay = WakeRelay()
        let (first, second) = (FakeTransport(), FakeTransport())
        let exchange = WakeExchange(relay, over: [first, second], poll: nil, clock: clock)
        relay.wake(.email, dueAt: clock.now)
        second.say(.hearing)
        relay.wake(.webhook, dueAt: clock.now)
        first.say(.hearing)
        relay.wake(.whatsapp, dueAt: clock.now)
        first.say(.away)
        relay.wake("sms", dueAt: clock.now)
        #expect(first.channels == [.whatsapp] && second.channels == [.webhook, "sms"])
        _ = exchange
    }

    @Test func lanesLookForThemselvesOnlyWhileNothingIsHeard() async throws {
        let clock = ManualClock()
        let node = Listening(clock, poll: .seconds(1))
        let group = ServiceGroup(services: [node.exchange], logger: .init(label: "test"))
        let running = Task { try await group.run() }
        for second in 1...3 {
            await clock.advance(toSleeperAt: Timestamp(year: 2026, month: 3, day: 1, hour: 9) + .seconds(second))
            await node.isWoken(times: second)
        }
        node.transport.say(.hearing)
        #expect(node.woken.count == 4, "something may have been missed")
        node.transport.say(.away)
        await clock.waitForSleeper(until: clock.now + .seconds(1))
        #expect(node.woken == Array(repeating: "any 0.0", count: 4))
        await group.triggerGracefulShutdown()
        try await running.value
    }

    private func connect(_ nodes: [Listening]) {
        for node in nodes { node.transport.others = nodes.map { $0.transport }.filter { $0 !== node.transport } }
        for node in nodes { node.transport.say(.hearing) }
        for node in nodes { node.forget() }
    }
}

/// A relay with an exchange, and a worker that remembers what woke it.
private final class Listening: Sendable {
    let relay = WakeRelay()
    let transport = FakeTransport()
    let exchange: WakeExchange
    private let log = Watched<[String]>([])

    init(_ clock: ManualClock, poll: Duration? = nil) {
        exchange = WakeExchange(relay, over: [transport], poll: poll, clock: clock)
        relay.connect { [log] channel, dueAt in
            let word = "\(channel?.rawValue ?? "any") \((dueAt - clock.now).inSeconds)"
            log.withLock { $0.append(word) }
        }
    }

    var woken: [String] { log.withLock { $0 } }
    func isWoken(times: Int) async { await log.wait { $0.count >= times } }
    func forget() { log.withLock { $0.removeAll() } }
}

/// Hands what is published to the others at once.
private final class FakeTransport: WakeTransport {
    private struct State {
        var listener: (@Sendable (WakeNews) -> Void)?
        var others: [FakeTransport] = []
        var published: [[Wake]] = []
    }

    private let state = Mutex(State())

    var others: [FakeTransport] {
        get { state.withLock { $0.others } }
        set { state.withLock { $0.others = newValue } }
    }

    var published: Int { state.withLock { $0.published.count } }
    var channels: [ChannelName?] { state.withLock { $0.published.flatMap { $0.map(\.channel) } } }

    func publish(_ wakes: [Wake]) {
        let others = state.withLock { state in
            state.published.append(wakes)
            return state.others
        }
        for other in others { other.say(.wakes(wakes)) }
    }

    func hear(_ listener: @escaping @Sendable (WakeNews) -> Void) { state.withLock { $0.listener = listener } }
    func say(_ news: WakeNews) { state.withLock { $0.listener }?(news) }
}
