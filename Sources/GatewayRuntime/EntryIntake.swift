import AdapterKit
import GatewayAPI
import GatewayCore
import GatewayModel
import Logging
import PostgresStore
import QuoteBridge
import ServiceLifecycle

/// Takes over what callers put in by SQL within their own transactions: each once, those of one quote or ordering key in their order.
struct EntryIntake: Service, CustomStringConvertible {
    let store: PostgresStore
    let bridge: QuoteBridge
    let intake: MessageIntake
    let clock: any WallClock
    let logger: Logger

    var description: String { "entry intake" }

    private static let pause = Duration.milliseconds(400)
    private static let batch = 500

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // While the store is away nothing is lost: what was put in stays there.
                let settled = (try? await takeOver()) ?? 0
                // What must wait stays at the head: only where all of a batch went away may more stand behind it.
                if settled < Self.batch { do { try await Task.sleep(for: Self.pause) } catch { return } }
            }
        }
    }

    private struct Lane: Hashable {
        var organizationID: OrganizationID
        var name: String
    }

    /// Answers how many entries were taken over or refused.
    private func takeOver() async throws(StoreError) -> Int {
        let entries = try await store.entries(limit: Self.batch)
        var lanes: [[StoredEntry]] = []
        var places: [Lane: Int] = [:]
        for entry in entries {
            let lane = entry.lane.map { Lane(organizationID: entry.organizationID, name: $0) }
            if let lane, let place = places[lane] {
                lanes[place].append(entry)
            } else {
                if let lane { places[lane] = lanes.count }
                lanes.append([entry])
            }
        }
        let settled = await withTaskGroup(of: Settled.self) { group in
            var settled = Settled()
            for (index, lane) in lanes.enumerated() {
                if index >= Self.atOnce, let one = await group.next() { settled.add(one) }
                group.addTask { await takeOver(lane) }
            }
            return await group.reduce(into: settled) { $0.add($1) }
        }
        try await store.removeEntries(settled.taken)
        return settled.taken.count + settled.refusals
    }

    /// What became of entries that need not be looked at again.
    private struct Settled {
        var taken: [StoredEntry] = []
        var refusals = 0

        mutating func add(_ other: Settled) {
            taken += other.taken
            refusals += other.refusals
        }
    }

    private static let atOnce = 32

    /// Takes over a lane's entries one after the other, until one has to wait.
    private func takeOver(_ lane: [StoredEntry]) async -> Settled {
        var settled = Settled()
        for entry in lane {
            do throws(StoreError) {
                guard let reason = try await refusal(of: entry) else {
                    settled.taken.append(entry)
                    continue
                }
                try await store.refuse(entry, because: reason, at: clock.now)
                settled.refusals += 1
                logger.warning(
                    "an entry was refused",
                    metadata: ["kind": "\(entry.kind)", "id": "\(entry.id.text)", "organization": "\(entry.organizationID)"])
            } catch {
                // What comes after it in the lane waits for it.
                return settled
            }
        }
        return settled
    }

    /// Hands an entry in; answers why it cannot be taken, or nil when it is in, now or from an earlier try.
    private func refusal(of entry: StoredEntry) async throws(StoreError) -> String? {
        guard let body = try? JSONValue(parsing: entry.body) else { return "the body cannot be read" }
        do {
            switch entry.kind {
            case .event: return try await refusal(ofEvent: body, of: entry.organizationID)
            case .message: return try await refusal(ofMessage: body, entry)
            }
        } catch {
            switch error {
            case .invalid(let faults): return faults.list.map { "\($0.path) \($0.message)" }.joined(separator: "; ")
            case .store(let error): throw error
            // With the right keyring it can be taken.
            case .sealed: throw .unavailable
            case .idempotencyConflict: return "its id was used before for another body"
            case .tokenConflict: return "its public token belongs to another quote"
            case .alreadyClosed(let state): return "the quote is \(state.rawValue) already"
            case .expired, .notFound: return "the quote cannot be acted on"
            }
        }
    }

    private func refusal(ofEvent body: JSONValue, of organizationID: OrganizationID) async throws(BridgeError) -> String? {
        guard let trigger = body["type"]?.stringValue.flatMap(StoredEvent.trigger(ofType:)) else { return "its type is unknown" }
        let event: QuoteEvent
        do { event = try QuoteEvent(body, trigger: trigger, leavesOut: true) } catch { throw .invalid(error) }
        // Should the store go away meanwhile, the entry waits in it.
        _ = try await bridge.publishToStore(event, organizationID: organizationID)
        return nil
    }

    private func refusal(ofMessage body: JSONValue, _ entry: StoredEntry) async throws(BridgeError) -> String? {
        let draft: MessageDraft
        do {
            draft = try MessageDraft(
                json: body, id: MessageID(entry.id), organizationID: entry.organizationID,
                // One without a key is taken once all the same.
                idempotencyKey: body["idempotencyKey"]?.stringValue?.unlessBlank ?? "entry:\(entry.id.text)", apiKeyID: nil, intake: intake)
        } catch { throw .invalid(error) }
        let answers: [MessageIntake.Answer]
        do { answers = try await intake.accept([draft]) } catch { throw .store(error) }
        switch answers.first {
        case .accepted: return nil
        case .invalid(let faults): throw .invalid(faults)
        case .conflict, nil: throw .idempotencyConflict
        }
    }
}
