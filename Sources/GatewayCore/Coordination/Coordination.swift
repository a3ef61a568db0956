/// What a dispatcher shares with those of other nodes.
public struct Coordination: Sendable {
    public var rates: any RateAuthority
    public var circuits: any CircuitExchange

    public init(rates: any RateAuthority, circuits: any CircuitExchange) {
        self.rates = rates
        self.circuits = circuits
    }
}
