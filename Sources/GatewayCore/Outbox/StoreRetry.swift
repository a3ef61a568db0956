import AdapterKit
import GatewayModel

/// Tries a write until it works or is of no use any more.
struct StoreRetry: Sendable {
    let clock: any WallClock
    let observer: any DeliveryObserver

    /// How a write ended.
    struct Ending<Value: Sendable>: Sendable {
        var result: Result<Value, StoreError>
        /// A try before the last one may stand, though its answer was lost.
        var mayStandTwice = false
    }

    /// Waits longer after each try, two seconds at the most. `end` is asked before each wait, so that a stop can bring it forward.
    func run<Value: Sendable>(
        _ what: String, until end: () -> Timestamp, _ body: () async throws(StoreError) -> Value
    ) async -> Ending<Value> {
        var wait = Duration.milliseconds(50)
        var mayStand = false
        while true {
            do throws(StoreError) {
                return Ending(result: .success(try await body()), mayStandTwice: mayStand)
            } catch {
                observer.observe(.storeFailed(during: what, error))
                if error == .outcomeUnknown { mayStand = true }
                guard error.mayPass, clock.now + wait < end() else { return Ending(result: .failure(error)) }
            }
            do { try await clock.sleep(until: clock.now + wait) } catch { return Ending(result: .failure(.unavailable)) }
            wait = min(wait * 2, .seconds(2))
        }
    }
}

extension StoreError {
    /// The store as a whole cannot write just now; anything else may lie in what is written, and then trying again does not help.
    var mayPass: Bool {
        switch self {
        case .unavailable, .outcomeUnknown, .full: true
        case .corrupt, .schema, .driver: false
        }
    }
}
