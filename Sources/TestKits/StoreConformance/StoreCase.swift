public import AdapterKit
public import GatewayModel

/// One promise of a store, with the proof that a store keeps it.
public struct StoreCase: Sendable, CustomStringConvertible {
    /// The promise, as a sentence.
    public let name: String
    private let proof: @Sendable (StoreTrial) async throws -> Void

    init(_ name: String, _ proof: @escaping @Sendable (StoreTrial) async throws -> Void) {
        self.name = name
        self.proof = proof
    }

    /// Runs the case on a new store; throws `ConformanceFailure` where the promise is broken.
    public func run(on harness: StoreHarness) async throws {
        let trial = StoreTrial(store: try await harness.open(), harness: harness)
        do {
            try await proof(trial)
        } catch {
            await trial.store.close()
            throw error
        }
        // Whatever a case did: every accepted delivery is in exactly one state.
        let counts = try? await trial.store.counts(at: trial.start, organizationID: nil)
        let fault = counts == nil ? nil : try await harness.fault(trial.store)
        await trial.store.close()
        try expect(counts == nil || counts?.unaccounted == 0, "every accepted delivery is in exactly one state")
        try expectEqual(fault, nil, "what the store keeps beside its rows agrees with them")
    }

    public var description: String { name }

    /// Every promise there is.
    public static var all: [StoreCase] {
        intake + claiming + fairness + leases + settling + changing + reports + listing + upkeep + suppressions + rules + quotes
    }
}

/// Where stores honestly differ: each keeps the promise, in its own way.
public struct StoreCapabilities: Sendable {
    /// Retention removes a day of history at once, when everything on it is old enough, and not so many rows at a time.
    public var removesWholeDays: Bool

    public init(removesWholeDays: Bool = false) { self.removesWholeDays = removesWholeDays }
}

/// How a kind of store is made for a case.
public struct StoreHarness: Sendable {
    public var capabilities: StoreCapabilities
    /// Opens a new, empty store.
    public var open: @Sendable () async throws -> any GatewayStore
    /// Opens again what `store` holds, as after a kill: nothing is settled or handed back before.
    public var reopen: @Sendable (any GatewayStore) async throws -> any GatewayStore
    /// Makes the stored content of a delivery unreadable, as a failing disk would.
    public var spoil: @Sendable (DeliveryID, any GatewayStore) async throws -> Void
    /// What is wrong with what a store keeps beside its rows, such as counts; `nil` for nothing. Asked at the end of every case.
    public var fault: @Sendable (any GatewayStore) async throws -> String?

    public init(
        capabilities: StoreCapabilities = StoreCapabilities(), open: @escaping @Sendable () async throws -> any GatewayStore,
        reopen: @escaping @Sendable (any GatewayStore) async throws -> any GatewayStore,
        spoil: @escaping @Sendable (DeliveryID, any GatewayStore) async throws -> Void,
        fault: @escaping @Sendable (any GatewayStore) async throws -> String? = { _ in nil }
    ) {
        self.capabilities = capabilities
        self.open = open
        self.reopen = reopen
        self.spoil = spoil
        self.fault = fault
    }
}

/// A broken promise, and where it was found.
public struct ConformanceFailure: Error, CustomStringConvertible {
    public let message: String
    public let file: String
    public let line: Int

    public var description: String { "\(message) (\(file):\(line))" }
}

func expect(_ condition: Bool, _ message: String, file: String = #fileID, line: Int = #line) throws {
    if !condition { throw ConformanceFailure(message: message, file: file, line: line) }
}

func expectEqual<Value: Equatable>(_ value: Value, _ expected: Value, _ message: String, file: String = #fileID, line: Int = #line) throws {
    if value != expected { throw ConformanceFailure(message: "\(message): \(value) instead of \(expected)", file: file, line: line) }
}

func require<Value>(_ value: Value?, _ message: String, file: String = #fileID, line: Int = #line) throws -> Value {
    guard let value else { throw ConformanceFailure(message: message, file: file, line: line) }
    return value
}
