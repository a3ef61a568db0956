public import AdapterKit
public import GatewayModel
public import ServiceLifecycle

/// Runs a lane for each configured channel, and stops them gracefully.
public final class Dispatcher: Service, Sendable {
    private let lanes: [ChannelName: ChannelLane]
    private let settler: Settler
    private let configuration: DispatchConfiguration
    private let clock: any WallClock

    public init(
        channels: Channels, store: any OutboxClaiming & DeliveryChanging, gate: SuppressionGate, reports: ReportIngest,
        configuration: DispatchConfiguration, clock: any WallClock, observer: any DeliveryObserver, wake: WakeRelay
    ) {
        let settler = Settler(
            store: store, gate: gate, reports: reports, clock: clock, observer: observer, limit: configuration.batch,
            wake: { channel, dueAt in wake.wake(channel, dueAt: dueAt) })
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
            gate: gate, settler: settler, clock: clock, observer: observer, lease: configuration.lease, markTransmitting: marker)
        self.lanes = Dictionary(
            uniqueKeysWithValues: channels.all.map { channel in
                (
                    channel.name,
                    ChannelLane(
                        channel: channel, store: store, gate: gate, worker: worker, configuration: configuration, clock: clock,
                        observer: observer)
                )
            })
        self.settler = settler
        self.configuration = configuration
        self.clock = clock
        wake.connect { [lanes] channel, dueAt in
            if let channel { lanes[channel]?.wake(dueAt: dueAt) } else { for lane in lanes.values { lane.wake(dueAt: dueAt) } }
        }
    }

    /// Works until the group is told to stop; then claims nothing more, gives attempts the grace to end, and gives back what was not begun.
    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withDiscardingTaskGroup { group in
                    for lane in lanes.values { group.addTask { await lane.run() } }
                }
            } onCancel: {
                stop(after: .zero)
            }
            await settler.finish()
        } onGracefulShutdown: {
            self.stop(after: self.configuration.grace)
        }
    }

    private func stop(after grace: Duration) {
        for lane in lanes.values { lane.drain() }
        Task {
            try? await clock.sleep(until: clock.now + grace)
            for lane in lanes.values { lane.cancelAttempts() }
        }
    }
}
