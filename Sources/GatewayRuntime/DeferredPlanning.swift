import AdapterKit
import GatewayCore
import QuoteBridge
import ServiceLifecycle

/// Looks again at events whose decisions could not be taken, until they can; while none stands open it waits to be told of one.
struct DeferredPlanning: Service, CustomStringConvertible {
    let bridge: QuoteBridge
    let clock: any WallClock
    /// Where other nodes take events in, which nobody tells of here, it looks this often at least.
    let longestWait: Duration?

    /// Services are logged by their description, and all of the gateway hangs on the bridge.
    var description: String { "deferred planning" }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let isOpen = (try? await bridge.planDeferred()) ?? true
                let wait = isOpen ? .seconds(1) : longestWait
                await bridge.deferred.wait(until: wait.map { clock.now + $0 }, clock: clock)
            }
        }
    }
}
