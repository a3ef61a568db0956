import AdapterKit
import GatewayCore
import GatewayModel
import PostgresStore
import ServiceLifecycle

/// Looks now and then whether anything is due that no signal told of: what another daemon accepted, or left when it died.
///
/// One statement answers for every channel, twice a second at most; a lane is woken only where it would find something.
struct SharedWork: Service, CustomStringConvertible {
    let store: PostgresStore
    let channels: [ChannelName]
    let wake: WakeRelay
    let clock: any WallClock

    var description: String { "shared work" }

    private static let pause = Duration.milliseconds(500)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let now = clock.now
                // While the store is away there is nothing to be found.
                for channel in (try? await store.due(on: channels, at: now)) ?? [] { wake.wake(channel, dueAt: now) }
                do { try await Task.sleep(for: Self.pause) } catch { return }
            }
        }
    }
}
