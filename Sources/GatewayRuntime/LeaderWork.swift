import AdapterKit
import GatewayModel
import Logging
import PostgresStore
import ServiceLifecycle

/// Runs what one daemon does for all of them, while this one leads.
///
/// The lead is a lease by the database's clock. It saves work and nothing else: every write that a leader makes is one that any daemon may
/// make, so that two who both believe they lead for a moment do no harm.
struct LeaderWork: Service, CustomStringConvertible {
    let store: PostgresStore
    let logger: Logger
    let services: [any Service]

    private let holder = UUIDBits.version7()

    init(store: PostgresStore, logger: Logger, services: [any Service]) {
        self.store = store
        self.logger = logger
        self.services = services
    }

    var description: String { "leader's work" }

    private static let name = "maintenance"
    private static let lease = Duration.seconds(15)
    private static let pause = Duration.seconds(5)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let term = try? await store.takeLead(in: Self.name, as: holder, for: Self.lease) { await lead(term) }
                do { try await Task.sleep(for: Self.pause) } catch { return }
            }
        }
    }

    /// Works until the lead is lost or the daemon stops; then lets go of it.
    private func lead(_ term: Int64) async {
        logger.info("leading", metadata: ["term": "\(term)"])
        await withTaskGroup { group in
            for service in services { group.addTask { try? await service.run() } }
            group.addTask { await keep(term) }
            // Whatever ends first, all of it ends: it begins anew with the next lead.
            await group.next()
            group.cancelAll()
        }
        // A cancelled task may still say that it lets go.
        let task = Task { try? await store.giveUpLead(in: Self.name, as: holder) }
        await task.value
        logger.info("no longer leading", metadata: ["term": "\(term)"])
    }

    /// Prolongs the lead for as long as it is ours.
    private func keep(_ term: Int64) async {
        var end = ContinuousClock.now + Self.lease
        while ContinuousClock.now < end {
            do { try await Task.sleep(for: Self.pause) } catch { return }
            let asked = ContinuousClock.now
            do {
                // Another term: somebody else led in between.
                guard try await store.takeLead(in: Self.name, as: holder, for: Self.lease) == term else { return }
                end = asked + Self.lease
            } catch { continue }
        }
    }
}
