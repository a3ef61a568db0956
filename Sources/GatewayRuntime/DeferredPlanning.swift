import AdapterKit
import QuoteBridge
import ServiceLifecycle

/// Looks again at events whose decisions could not be taken, until they can.
struct DeferredPlanning: Service, CustomStringConvertible {
    let bridge: QuoteBridge
    let clock: any WallClock

    /// Services are logged by their description, and all of the gateway hangs on the bridge.
    var description: String { "deferred planning" }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let isOpen = (try? await bridge.planDeferred()) ?? true
                do { try await clock.sleep(until: clock.now + (isOpen ? .seconds(1) : .seconds(30))) } catch { return }
            }
        }
    }
}
