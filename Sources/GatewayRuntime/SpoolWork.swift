import AdapterKit
import GatewayCore
import GatewayModel
import Logging
import PostgresStore
import QuoteBridge
import SQLiteStore
import ServiceLifecycle
import Signing
import WorkflowEngine

/// The spool with what works for it: a dispatcher of its own, the copy of the rules, and the way back into the main store.
struct SpoolWork: Sendable {
    let spool: Spool
    private let main: PostgresStore
    private let dispatcher: Dispatcher
    private let maintenance: Maintenance
    private let sealer: any Sealer
    private let logger: Logger

    /// `nil` where nothing shares the store, or no spool is configured.
    init?(
        _ configuration: GatewayConfiguration, _ opened: OpenedStore, channels: Channels, keyring: Keyring,
        observer: any DeliveryObserver, logger: Logger
    ) async throws(StoreError) {
        guard let main = opened.shared else { return nil }
        guard let section = configuration.spool else {
            logger.warning("no spool is configured: while the store is away, calls about quotes are refused")
            return nil
        }
        let clock = opened.clock
        let file = try await SQLiteSpool(path: section.path, clock: clock, logger: logger)
        let store = file.store
        let wake = WakeRelay()
        // Its mails ask the copy whether they may go out.
        let gate = SuppressionGate(store: store, clock: clock, observer: observer)
        let factory = DeliveryFactory(channels: channels)
        let reports = ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: observer, wake: wake)
        let bridge = QuoteBridge(
            store: store, intake: MessageIntake(store: store, factory: factory, gate: gate, clock: clock, observer: observer, wake: wake),
            planner: Planner(factory: factory), sealer: KeyringSealer(keyring), configuration: configuration.quotes, feed: ActivityFeed(),
            clock: clock, observer: observer)
        do throws(StoreError) {
            spool = try await Spool(
                file, main: main, bridge: bridge, tokenKey: keyring.key(for: "quote tokens made beside the store"),
                configuration: section.configuration)
            do throws(StoreError) { try await spool.mirror(main) } catch {
                // It decides by the copy that it has.
                guard error == .unavailable, spool.status.mirroredAt != nil else { throw error }
            }
        } catch {
            await file.close()
            throw error
        }
        self.main = main
        sealer = KeyringSealer(keyring)
        self.logger = logger
        dispatcher = Dispatcher(
            channels: channels, store: store, gate: gate, reports: reports, configuration: configuration.dispatch, clock: clock,
            observer: observer, wake: wake)
        // What waits for the main store is kept for as long as that takes.
        let forever = RetentionPolicy(settled: .seconds(100 * 365 * 86_400), events: .seconds(100 * 365 * 86_400))
        maintenance = Maintenance(
            store: store, channels: channels, reports: reports, retention: forever, longestWait: nil, clock: clock, observer: observer,
            wake: wake, isHeldHere: dispatcher.holds)
    }

    func services(_ bridge: QuoteBridge) -> [any Service] {
        [
            maintenance, dispatcher, MirrorKeeping(spool: spool, main: main, logger: logger),
            SpoolJoining(bridge: bridge, main: main, logger: logger),
        ]
    }

    /// What opens the store, where it was away at the start.
    func lateOpening(_ opened: OpenedStore, appliesMigrations: Bool) -> (any Service)? {
        opened.isLate ? LateOpening(store: main, migrate: appliesMigrations ? .apply : .verify, sealer: sealer) : nil
    }

    func close() async { await spool.store.close() }
}

/// Keeps the copy of the rules up to date.
private struct MirrorKeeping: Service, CustomStringConvertible {
    let spool: Spool
    let main: PostgresStore
    let logger: Logger

    var description: String { "mirror" }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isKept = true
            while true {
                do { try await Task.sleep(for: spool.configuration.mirrorInterval) } catch { return }
                do throws(StoreError) {
                    // Also finds out that the store is silent when no caller has waited long enough for that.
                    try await spool.patience.ask { () async throws(StoreError) in try await main.checkWritable() }
                    try await spool.mirror(main)
                    isKept = true
                } catch {
                    if isKept { logger.warning("the spool's copy of the rules is not kept up to date", metadata: ["cause": "\(error)"]) }
                    isKept = false
                }
            }
        }
    }
}

/// Brings what was taken while the main store was away into it.
private struct SpoolJoining: Service, CustomStringConvertible {
    let bridge: QuoteBridge
    let main: PostgresStore
    let logger: Logger

    var description: String { "spool joining" }

    func run() async throws {
        guard let spool = bridge.spool else { return }
        await cancelWhenGracefulShutdown {
            var held = 0
            while !Task.isCancelled {
                let before = spool.status.held
                if before > 0, held == 0 { logger.warning("the store is away: events are taken into the spool") }
                await spool.patience.probe { () async throws(StoreError) in try await main.checkWritable() }
                do throws(BridgeError) { _ = try await bridge.joinSpooled(into: main, tokens: main) } catch {
                    logger.debug("the spool cannot be joined yet", metadata: ["cause": "\(error)"])
                }
                held = spool.status.held
                if held == 0, before > 0 { logger.notice("the store has taken over what the spool held") }
                do { try await Task.sleep(for: .milliseconds(250)) } catch { return }
            }
        }
    }
}
