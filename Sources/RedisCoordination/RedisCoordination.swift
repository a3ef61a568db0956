public import AdapterKit
public import GatewayCore
public import GatewayModel
public import Logging
public import ServiceLifecycle
import Synchronization

/// What nodes tell and ask one another over Redis: wakes, tokens of shared limits, circuits, changes to show. Never truth: while Redis is
/// away, everything goes on with what this node knows by itself.
///
/// Two connections, each on a thread of its own: one asks, one listens.
public final class RedisCoordination: Service, Sendable {
    private struct Listeners {
        var isHearing = false
        var wakes: (@Sendable (WakeNews) -> Void)?
        var circuits: (@Sendable (CircuitNews, ChannelName) -> Void)?
        var changes: (@Sendable ([DeliveryChangeNotice]) -> Void)?
    }

    /// How often a node says that it is there, and after how long it counts as gone.
    private static let attendance = (every: Duration.milliseconds(500), until: Duration.seconds(5))

    let node = NodeID()
    let configuration: RedisConfiguration
    private let clock: any WallClock
    private let logger: Logger
    private let keys: RedisKeys
    private let take = RedisScriptCall(.take)
    private let attend = RedisScriptCall(.attend)
    private let health: Mutex<CoordinationHealth>
    private let healthSignal = WakeSignal()
    private let stopSignal = WakeSignal()
    private let nodes = Mutex(KnownNodes())
    private let isStopping = Atomic<Bool>(false)
    private let listeners = Mutex(Listeners())
    private let links = Mutex<(commands: RedisLink, subscription: RedisLink)?>(nil)

    /// Nothing is connected before `run`.
    ///
    /// - Parameter hasher: Names recipients in keys, so that no address stands in Redis.
    public init(_ configuration: RedisConfiguration, hasher: any AddressHasher, clock: any WallClock, logger: Logger) {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        keys = RedisKeys(database: configuration.url.database, hasher: hasher)
        health = Mutex(CoordinationHealth(patience: configuration.patience, at: clock.now))
    }

    /// Connects, and stays so until the group stops; then says that this node is gone.
    public func run() async throws {
        health.withLock { $0 = CoordinationHealth(patience: configuration.patience, at: clock.now) }
        let commands = RedisLink(configuration, listener: Ear(part: .commands, owner: self))
        let subscription = RedisLink(
            configuration, subscribingTo: RedisKeys.Channel.allCases.map(keys.channel), listener: Ear(part: .subscription, owner: self))
        links.withLock { $0 = (commands, subscription) }
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withDiscardingTaskGroup { group in
                    group.addTask { await self.watchHealth() }
                    group.addTask { await self.attendRegularly(commands) }
                }
            } onCancel: {
                stop()
            }
        } onGracefulShutdown: {
            self.stop()
        }
        _ = await commands.send(["ZREM", keys.nodes, node.text])
        await subscription.close()
        await commands.close()
        links.withLock { $0 = nil }
    }

    private func stop() {
        isStopping.store(true, ordering: .relaxed)
        healthSignal.raise()
        stopSignal.raise()
    }

    private var isToStop: Bool { isStopping.load(ordering: .relaxed) || Task.isCancelled }
}

// MARK: - Health

extension RedisCoordination: CoordinationStatus {
    public var figures: CoordinationFigures {
        let now = clock.now
        return health.withLock { health in
            CoordinationFigures(
                isUp: health.state == .healthy, reconnects: health.reconnects, degraded: health.degraded(at: now),
                nodes: nodes.withLock { $0.count })
        }
    }

    private func change(_ body: (inout CoordinationHealth, Timestamp) -> CoordinationHealth.Change?) {
        let now = clock.now
        // Logged under the lock, so that the lines stand in the order of what they say.
        health.withLock { health in
            switch body(&health, now) {
            case nil: break
            case .connected: logger.notice("redis is connected")
            case .degraded(let failure): logger.warning("redis is away: each node keeps to itself", metadata: ["why": "\(failure)"])
            case .recovered(let span): logger.notice("redis is back", metadata: ["seconds": "\(span.inSeconds)"])
            }
        }
        healthSignal.raise()
    }

    /// Says in time that Redis is away, whatever its connections are waiting for.
    private func watchHealth() async {
        while !isToStop {
            let lookAt = health.withLock { $0.lookAt }
            await healthSignal.wait(until: lookAt, clock: clock)
            if let lookAt, lookAt <= clock.now { change { $0.look(at: $1) } }
        }
    }

    private func attendRegularly(_ link: RedisLink) async {
        while !isToStop {
            let silence = Self.attendance.until.microseconds / 1000
            switch await attend.run(on: link, key: keys.nodes, [node.text, "\(silence)"]) {
            case .success(.integer(let count)):
                nodes.withLock { $0.counted(Int(count), at: clock.now) }
                change { $0.up(.service, at: $1) }
            case .success(.refusal(let text)): change { $0.down(.service, .refused(saying: text), at: $1) }
            case .success: change { $0.down(.service, .garbled, at: $1) }
            // The connection tells of itself.
            case .failure: break
            }
            await stopSignal.wait(until: clock.now + Self.attendance.every, clock: clock)
        }
    }

    fileprivate func opened(_ part: CoordinationHealth.Part) {
        change { $0.up(part, at: $1) }
        if part == .subscription { turn(isHearing: true) }
        // Whether it does its work is asked at once.
        if part == .commands { stopSignal.raise() }
    }

    fileprivate func failed(_ part: CoordinationHealth.Part, _ failure: RedisFailure) {
        change { $0.down(part, failure, at: $1) }
        if part == .subscription { turn(isHearing: false) }
    }

    private func turn(isHearing: Bool) {
        let listener = listeners.withLock { listeners in
            defer { listeners.isHearing = isHearing }
            return listeners.isHearing || isHearing ? listeners.wakes : nil
        }
        listener?(isHearing ? .hearing : .away)
    }

    fileprivate func heard(_ payload: String, on channel: String) {
        let listeners = listeners.withLock { $0 }
        switch RedisKeys.Channel.allCases.first(where: { keys.channel($0) == channel }) {
        case .wakes:
            guard let message = WakeMessage(payload), message.sender != node.text else { return }
            listeners.wakes?(.wakes(message.wakes))
        case .circuits:
            guard let message = CircuitMessage(payload), message.sender != node.text else { return }
            listeners.circuits?(message.news, message.channel)
        case .changes:
            guard let message = ChangeMessage(payload), message.sender != node.text else { return }
            listeners.changes?(message.changes)
        case nil: break
        }
    }
}

/// Takes what a connection says to the coordination.
private struct Ear: RedisListener {
    let part: CoordinationHealth.Part
    weak var owner: RedisCoordination?

    func opened() { owner?.opened(part) }
    func failed(_ failure: RedisFailure) { owner?.failed(part, failure) }
    func heard(_ payload: String, on channel: String) { owner?.heard(payload, on: channel) }
}

// MARK: - What is told and asked

extension RedisCoordination: WakeTransport, CircuitExchange, ChangeTransport {
    private func publish(_ text: String, on channel: RedisKeys.Channel) {
        links.withLock { $0?.commands }?.post(["PUBLISH", keys.channel(channel), text])
    }

    public func publish(_ wakes: [Wake]) { publish(WakeMessage(from: node, wakes).text, on: .wakes) }

    public func hear(_ listener: @escaping @Sendable (WakeNews) -> Void) {
        let isHearing = listeners.withLock { listeners in
            listeners.wakes = listener
            return listeners.isHearing
        }
        if isHearing { listener(.hearing) }
    }

    public func publish(_ news: CircuitNews, on channel: ChannelName) {
        publish(CircuitMessage(sender: node.text, channel: channel, news: news).text, on: .circuits)
    }

    public func hear(_ listener: @escaping @Sendable (CircuitNews, ChannelName) -> Void) { listeners.withLock { $0.circuits = listener } }

    public func publish(_ changes: [DeliveryChangeNotice]) {
        publish(ChangeMessage(sender: node.text, changes: changes).text, on: .changes)
    }

    public func hear(_ listener: @escaping @Sendable ([DeliveryChangeNotice]) -> Void) { listeners.withLock { $0.changes = listener } }
}

extension RedisCoordination: RateAuthority {
    /// How long a node keeps to its share before it asks again.
    private static let ownSpan = Duration.milliseconds(500)

    public func take(_ count: Int, of limit: SharedLimit) async -> RateGrant {
        let link = health.withLock { $0.isUp } ? links.withLock { $0?.commands } : nil
        let arguments = ["\(limit.perSecond)", "\(max(1, limit.burst))", "\(max(1, count))"]
        guard let link, case .success(let reply) = await take.run(on: link, key: keys.bucket(limit.key), arguments),
            let numbers = reply.integers, numbers.count == 2, (0...Int64(max(1, count))).contains(numbers[0])
        else { return .share(ofNodes: nodes.withLock { $0.count }, for: Self.ownSpan) }
        return .tokens(Int(numbers[0]), wait: .microseconds(max(0, numbers[1])))
    }
}
