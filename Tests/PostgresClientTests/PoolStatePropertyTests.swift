import Testing

@testable import PostgresClient

/// Random inputs against the pool's decisions: whatever happens, each job runs at most once at a time and ends once.
struct PoolStatePropertyTests {
    /// A world around the pool that keeps its own books.
    private struct World {
        enum Connection { case opening, open, closing, abandoned }

        var dice: Dice
        var pool: PoolState
        let limits: PoolState.Limits
        var now = ContinuousClock.now
        var lastJob: JobID = 0
        var kinds: [JobID: PoolState.Kind] = [:]
        var deadlines: [JobID: ContinuousClock.Instant] = [:]
        var unended: Set<JobID> = []
        var waiting: [JobID] = []
        var connections: [ConnectionID: Connection] = [:]
        var running: [ConnectionID: [JobID]] = [:]
        var leases: Set<JobID> = []
        /// Connections that are not to be used any more.
        var spent: Set<ConnectionID> = []
        var isClosed = false
        var isFinished = false

        init(seed: UInt64) {
            dice = Dice(state: seed)
            var limits = PoolState.Limits()
            limits.maxConnections = Int.random(in: 1...4, using: &dice)
            limits.pipelineDepth = Int.random(in: 1...3, using: &dice)
            limits.keptConnections = Int.random(in: 0...2, using: &dice)
            limits.idleTimeout = .seconds(20)
            limits.reconnecting = Backoff(initial: .seconds(1), longest: .seconds(8))
            self.limits = limits
            pool = PoolState(limits: limits)
        }

        mutating func apply(_ actions: [PoolState.Action]) {
            for action in actions {
                #expect(!isFinished, "nothing follows the end")
                switch action {
                case .open(let id):
                    #expect(connections[id] == nil)
                    let isAnyOpen = connections.values.contains { $0 == .open || $0 == .closing }
                    let opening = connections.values.count { $0 == .opening }
                    #expect(isAnyOpen || opening == 0, "one alone tries a server that may be away")
                    connections[id] = .opening
                    running[id] = []
                    #expect(connections.count { $0.value != .abandoned } <= limits.maxConnections)
                case .start(let job, let id):
                    #expect(connections[id] == .open && !spent.contains(id))
                    #expect(unended.contains(job))
                    #expect(waiting.first == job, "those who wait are served in their order")
                    waiting.removeFirst()
                    let others = running[id] ?? []
                    let kind = kinds[job] ?? .shared
                    #expect(kind == .shared ? others.count < limits.pipelineDepth : others.isEmpty)
                    #expect(others.allSatisfy { kinds[$0] == .shared })
                    running[id]?.append(job)
                    if kind == .lease { leases.insert(job) }
                case .cancel(let job, let id):
                    #expect(running[id]?.contains(job) == true || connections[id] == nil)
                    spent.insert(id)
                case .close(let id):
                    #expect(running[id]?.isEmpty == true)
                    connections[id] = .closing
                case .abandon(let id):
                    if connections[id] == .opening { gone(id) } else { connections[id] = .abandoned }
                case .end(let job, let error): end(job, error)
                case .finished:
                    #expect(isClosed && unended.isEmpty && connections.isEmpty)
                    isFinished = true
                }
            }
        }

        mutating func end(_ job: JobID, _ error: PostgresError?) {
            #expect(unended.remove(job) != nil, "job \(job) ends once")
            if let index = waiting.firstIndex(of: job) {
                waiting.remove(at: index)
                #expect(error?.commit == .certainlyNotCommitted)
            }
        }

        mutating func gone(_ id: ConnectionID) {
            connections[id] = nil
            running[id] = nil
        }

        /// Ends some of what a connection runs, in order; answers how.
        mutating func ends(on id: ConnectionID, isLast: Bool) -> [JobEnd] {
            var ends: [JobEnd] = []
            for job in running[id] ?? [] {
                if kinds[job] == .lease { continue }
                guard Bool.random(using: &dice) else { break }
                let isStruck = !isLast && Int.random(in: 0..<6, using: &dice) == 0
                let verdict: JobEnd.Verdict = [.sound, .sound, .sound, .sound, .spent, .demoted].randomElement(using: &dice) ?? .sound
                ends.append(JobEnd(job: job, end: isStruck ? .again : .done(nil), verdict: isStruck ? .spent : verdict))
            }
            return ends
        }

        /// Books what a connection reports, before the pool decides on it.
        mutating func book(_ ends: [JobEnd], on id: ConnectionID) {
            for end in ends {
                if end.verdict != .sound { spent.insert(id) }
                running[id]?.removeAll { $0 == end.job }
                if case .done = end.end, unended.contains(end.job) { self.end(end.job, nil) }
            }
        }

        /// What is put back to the front, in its order. One that was to be cancelled ends instead.
        mutating func putBack(_ jobs: [JobID]) {
            for job in jobs.reversed() where unended.contains(job) && kinds[job] != .lease { waiting.insert(job, at: 0) }
        }

        mutating func step() {
            now += .milliseconds(Int.random(in: 0...2000, using: &dice))
            let choice = Int.random(in: 0..<12, using: &dice)
            let id = connections.keys.sorted().randomElement(using: &dice)
            switch (choice, id) {
            case (0...3, _) where !isFinished: submit()
            case (4, let id?) where connections[id] == .opening:
                if Bool.random(using: &dice) {
                    connections[id] = .open
                    apply(pool.opened(id, now: now))
                } else {
                    gone(id)
                    apply(pool.failedToOpen(id, PostgresError(.unavailable), jitter: 0.5, now: now))
                }
            case (5, let id?) where connections[id] == .opening:
                connections[id] = .open
                apply(pool.opened(id, now: now))
            case (4...6, let id?) where connections[id] == .open || connections[id] == .abandoned:
                let ends = ends(on: id, isLast: false)
                book(ends, on: id)
                putBack(ends.filter { $0.end == .again }.map(\.job))
                apply(pool.ended(id, ends, now: now))
            case (7, let id?)
            where connections[id] == .closing || connections[id] == .abandoned || Int.random(in: 0..<4, using: &dice) == 0:
                guard connections[id] != .opening else { return }
                let ends = ends(on: id, isLast: true)
                book(ends, on: id)
                let rest = running[id] ?? []
                gone(id)
                putBack(rest)
                apply(pool.left(id, ends, now: now))
            case (8, _):
                guard let lease = leases.sorted().randomElement(using: &dice) else { return }
                leases.remove(lease)
                for id in running.keys { running[id]?.removeAll { $0 == lease } }
                end(lease, nil)
                apply(pool.giveBack(lease, isSound: Bool.random(using: &dice), now: now))
            case (9, _):
                guard let job = unended.sorted().randomElement(using: &dice) else { return }
                apply(pool.cancel(job, now: now))
            case (10, _): apply(pool.tick(now: now))
            default: break
            }
            // A lease that is over for the pool is given back by who has it.
            leases.formIntersection(unended)
        }

        mutating func submit() {
            lastJob += 1
            let kind: PoolState.Kind = [.shared, .shared, .shared, .alone, .lease].randomElement(using: &dice) ?? .shared
            kinds[lastJob] = kind
            deadlines[lastJob] = now + .seconds(Int.random(in: 1...30, using: &dice))
            unended.insert(lastJob)
            waiting.append(lastJob)
            apply(pool.submit(lastJob, kind, deadline: deadlines[lastJob] ?? now, now: now))
            if isClosed { #expect(!unended.contains(lastJob)) }
        }

        /// Lets everything come to its end.
        mutating func wind() {
            isClosed = true
            apply(pool.close(now: now))
            for _ in 0..<500 where !isFinished {
                now += .seconds(1)
                apply(pool.tick(now: now))
                for id in connections.keys.sorted() {
                    switch connections[id] {
                    case .opening:
                        connections[id] = .open
                        apply(pool.opened(id, now: now))
                    case .closing, .abandoned:
                        let rest = running[id] ?? []
                        gone(id)
                        putBack(rest)
                        apply(pool.left(id, [], now: now))
                    case .open:
                        let ends = (running[id] ?? []).filter { kinds[$0] != .lease }.map { JobEnd.done($0) }
                        book(ends, on: id)
                        apply(pool.ended(id, ends, now: now))
                    case nil: break
                    }
                }
                for lease in leases.sorted() where unended.contains(lease) {
                    for id in running.keys { running[id]?.removeAll { $0 == lease } }
                    end(lease, nil)
                    leases.remove(lease)
                    apply(pool.giveBack(lease, isSound: true, now: now))
                }
            }
            #expect(isFinished, "the pool comes to its end")
        }
    }

    @Test(arguments: 1...200) func whateverHappensEachJobEndsOnce(seed: Int) {
        var world = World(seed: UInt64(seed))
        for _ in 0..<400 { world.step() }
        world.wind()
        #expect(world.unended.isEmpty)
        #expect(world.pool.waitingCount == 0 && world.pool.runningCount == 0 && world.pool.connectionCount == 0)
    }
}

/// SplitMix64: the same numbers from the same seed.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
