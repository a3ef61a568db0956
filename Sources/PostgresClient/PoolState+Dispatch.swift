import DequeModule

/// Who gets which connection, and when there is to be one more.
extension PoolState {
    mutating func dispatch(_ now: Instant) -> [Action] {
        var actions: [Action] = []
        while let id = waiting.first, let kind = jobs[id]?.kind, let connection = place(kind, now) {
            waiting.removeFirst()
            jobs[id]?.connection = connection
            if connections[connection]?.running.isEmpty == true { connections[connection]?.since = now }
            connections[connection]?.running.append(id)
            connections[connection]?.isTaken = kind != .shared
            actions.append(.start(id, connection))
        }
        actions += open(now)
        return isClosing ? actions + wind() : actions
    }

    /// The connection with the least to do; among equal ones the one that was busy last, so that the others can be closed.
    private func place(_ kind: Kind, _ now: Instant) -> ConnectionID? {
        // Nobody waits behind another while there can be one more connection.
        let depth = kind == .shared && !mayOpen(now) ? limits.pipelineDepth : 1
        var best: (id: ConnectionID, count: Int, since: Instant)?
        for (id, connection) in connections where connection.phase == .open && !connection.isTaken {
            let count = connection.running.count
            guard count == 0 || count < depth && connection.since + limits.pipelineWithin > now else { continue }
            // The smaller number decides at last, so that the same inputs give the same actions.
            if let best, (best.count, connection.since, best.id) < (count, best.since, id) { continue }
            best = (id, count, connection.since)
        }
        return best?.id
    }

    private func mayOpen(_ now: Instant) -> Bool { connections.count < limits.maxConnections && reopenAt.map { $0 <= now } ?? true }

    /// Opens connections for those who wait; one alone as long as no other shows that the server answers.
    private mutating func open(_ now: Instant) -> [Action] {
        guard mayOpen(now) else { return [] }
        // While the server is away, it is tried again without anybody waiting, so that nobody has to find out.
        let wanted = max(waiting.count, isDown && !isClosing ? 1 : 0)
        let opening = isIn(.opening)
        let count = min(wanted - opening, limits.maxConnections - connections.count, hasOpen ? .max : 1 - opening)
        guard count > 0 else { return [] }
        return (0..<count).map { _ in
            lastConnection += 1
            connections[lastConnection] = Connection(since: now)
            return .open(lastConnection)
        }
    }

    /// Lets go of what nobody will need any more.
    private mutating func wind() -> [Action] {
        var actions: [Action] = []
        if waiting.isEmpty {
            for (id, connection) in connections.sorted(by: { $0.key < $1.key }) {
                switch connection.phase {
                case .opening:
                    connections[id] = nil
                    actions.append(.abandon(id))
                case .open, .retiring: actions += retire(id)
                case .ending: break
                }
            }
        }
        if jobs.isEmpty, connections.isEmpty, !isFinished {
            isFinished = true
            actions.append(.finished)
        }
        return actions
    }
}
