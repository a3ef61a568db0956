import AdapterKit
import CCurl
import Synchronization

/// A request handed to a loop, and who waits for it.
struct CurlOrder: Sendable {
    let id: UInt64
    let request: HTTPRequest
    let url: WebURL
    /// By when it must have ended. Held by the loop: libcurl's own limit does not run while a transfer waits for a free connection.
    let deadline: ContinuousClock.Instant
    /// Resumed once: with what came of the request, or with `nil` when it was cancelled.
    let waiter: CheckedContinuation<HTTPResult?, Never>
}

/// Through which tasks reach the thread of a loop: orders and cancellations wait here until the loop collects them.
final class CurlMailbox: Sendable {
    struct Contents: Sendable {
        var orders: [CurlOrder] = []
        var cancelled: [UInt64] = []
        var isClosed = false
    }

    private struct State {
        var contents = Contents()
        var lastID: UInt64 = 0
        /// The address of the multi handle to wake; a number, because a pointer would bind the state to one thread.
        var handle: UInt?
        /// Whether the loop has been woken for what is in here.
        var isWoken = false
    }

    private let state = Mutex(State())

    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// `false` when the mailbox is closed and the order was not taken.
    func submit(_ order: CurlOrder) -> Bool {
        state.withLock { state in
            guard !state.contents.isClosed else { return false }
            state.contents.orders.append(order)
            Self.wake(&state)
            return true
        }
    }

    /// Without effect on an order that has ended already.
    func cancel(_ id: UInt64) {
        state.withLock { state in
            guard !state.contents.isClosed else { return }
            state.contents.cancelled.append(id)
            Self.wake(&state)
        }
    }

    /// Takes no further orders, and has the loop end those it has.
    func close() {
        state.withLock { state in
            state.contents.isClosed = true
            Self.wake(&state)
        }
    }

    /// All that came since the last time.
    func collect() -> Contents {
        state.withLock { state in
            state.isWoken = false
            defer { state.contents = Contents(isClosed: state.contents.isClosed) }
            return state.contents
        }
    }

    /// Names the handle whose poll is to be ended when something comes, and no other from then on; `nil` before it is destroyed.
    func setHandle(_ multi: UnsafeMutableRawPointer?) {
        let handle = multi.map { UInt(bitPattern: $0) }
        state.withLock { $0.handle = handle }
    }

    /// Called under the lock, so that the handle cannot be destroyed meanwhile.
    private static func wake(_ state: inout State) {
        guard !state.isWoken, let handle = state.handle, let multi = UnsafeMutableRawPointer(bitPattern: handle) else { return }
        state.isWoken = curl_multi_wakeup(multi) == CURLM_OK
    }
}
