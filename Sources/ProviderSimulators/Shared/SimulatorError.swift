/// Why a simulator could not do what it was asked.
public enum SimulatorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The wait's time was over with only `count` of the `expected` records there.
    case timedOut(expected: Int, count: Int)
    /// The simulator was stopped.
    case stopped
    /// No port or address came of binding.
    case noAddress
    /// A callback could not be sent, or was not answered as it has to be.
    case callbackFailed(String)

    public var description: String {
        switch self {
        case .timedOut(let expected, let count): "timed out with \(count) of \(expected) records"
        case .stopped: "the simulator was stopped"
        case .noAddress: "the listening socket has no address"
        case .callbackFailed(let reason): "callback failed: \(reason)"
        }
    }
}
