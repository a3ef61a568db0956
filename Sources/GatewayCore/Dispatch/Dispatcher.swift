public import AdapterKit
public import GatewayModel
public import ServiceLifecycle
import Synchronization

/// Runs a lane for each configured channel, and stops them gracefully.
public final class Dispatcher: Service, Sendable {
    private let lanes: [ChannelName: ChannelLane]
    private let settler: Settler
    private let configuration: DispatchConfiguration
    private let clock: any WallClock
    /// Waits for the end of the grace.
    private let cutting = Mutex<Task<Void, Never>?>(nil)

    public init(
        channels: Channels, store: any OutboxClaiming & DeliveryChanging & OutboxReading, gate: SuppressionGate, reports: ReportIngest,
        configuration: DispatchConfiguration, clock: any WallClock, observer: any DeliveryObserver, wake: WakeRelay,
        coordination: Coordination? = nil
    ) {
        let settler = Settler(
            store: store, gate: gate, reports: reports, clock: clock, observer: observer, limit: configuration.batch, wake: wake)
        let marker = Batcher<LeaseReference, Result<Bool, StoreError>>(limit: configuration.batch) { leases in
            do {
                let marked = try await store.markTransmitting(leases, at: clock.now)
                return leases.map { .success(marked.contains($0.deliveryID)) }
            } catch let error as StoreError {
                return leases.map { _ in .failure(error) }
            } catch {
                return leases.map { _ in .failure(.unavailable) }
            }
        }
        let worker = DeliveryWorker(
            gate: gate, settler: settler, clock: clock, observer: observer, markTransmitting: marker,
            pacer: RecipientPacer(rates: coordination?.rates, clock: clock))
        self.lanes = Dictionary(
            uniqueKeysWithValues: channels.all.map { channel in
                (
                    channel.name,
                    ChannelLane(
                        channel: channel, store: store, gate: gate, worker: worker, configuration: configuration, clock: clock,
                        observer: observer, wake: wake, coordination: coordination)
                )
            })
        self.settler = settler
        self.configuration = configuration
        self.clock = clock
        wake.connect { [lanes] channel, dueAt in
            if let channel { lanes[channel]?.wake(dueAt: dueAt) } else { for lane in lanes.values { lane.wake(dueAt: dueAt) } }
        }
        coordination?.circuits.hear { [lanes] news, channel in lanes[channel]?.hear(news) }
    }

    /// Works until the group is told to stop; then claims nothing more, gives attempts the grace to end, and gives back what was not begun.
    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withDiscardingTaskGroup { group in
                    for lane in lanes.values { group.addTask { await lane.run() } }
                }
                await settler.finish()
            } onCancel: {
                stop(after: .zero)
            }
        } onGracefulShutdown: {
            self.stop(after: self.configuration.grace)
        }
        cutting.withLock { $0 }?.cancel()
    }

    /// Whether this process still works under a lease, or writes how that ended.
    public func holds(_ token: LeaseToken) -> Bool {
        // In the order in which a lease goes from hand to hand, so that none is missed between two.
        lanes.values.contains { $0.holds(token) } || settler.holds(token)
    }

    private func stop(after grace: Duration) {
        let end = clock.now + grace
        for lane in lanes.values { lane.drain() }
        settler.giveUp(at: end)
        guard grace > .zero else {
            for lane in lanes.values { lane.cancelAttempts() }
            return
        }
        let task = Task { [lanes, clock] in
            do { try await clock.sleep(until: end) } catch { return }
            for lane in lanes.values { lane.cancelAttempts() }
        }
        cutting.withLock { $0 = task }
    }
}
