import Synchronization

/// Keeps reactions back until a test lets them go.
package final class HoldGate: Sendable {
    private struct State {
        var isOpen = false
        var held: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Does it now if the gate is open, else when it opens.
    package func pass(_ action: @escaping @Sendable () -> Void) {
        let isOpen = state.withLock { state in
            if !state.isOpen { state.held.append(action) }
            return state.isOpen
        }
        if isOpen { action() }
    }

    /// Lets go what is held, in its order, and everything that comes.
    package func open() {
        let held = state.withLock { state in
            state.isOpen = true
            defer { state.held = [] }
            return state.held
        }
        for action in held { action() }
    }

    /// Holds again from now on; what is held stays so.
    package func close() { state.withLock { $0.isOpen = false } }
}
