import DequeModule

/// What is due: deadlines, cancellations that had no effect, connections that nobody needs.
extension PoolState {
    /// Does what is due, and says anew when there is more.
    mutating func tick(now: Instant) -> [Action] {
        wakeAt = nil
        var actions: [Action] = []
        for job in jobs.keys.sorted() { actions += tick(job, now) }
        // Those that were of use last stay.
        let idle = connections.filter { $0.value.phase == .open && $0.value.running.isEmpty }.sorted { $0.value.since < $1.value.since }
        var surplus = max(isIn(.open) - limits.keptConnections, 0)
        for (id, connection) in idle where surplus > 0 {
            let end = connection.since + limits.idleTimeout
            if end > now {
                wake(by: end)
                break
            }
            actions += retire(id)
            surplus -= 1
        }
        if let reopenAt, reopenAt > now { wake(by: reopenAt) }
        return actions + dispatch(now)
    }

    private mutating func tick(_ id: JobID, _ now: Instant) -> [Action] {
        guard let job = jobs[id] else { return [] }
        if let graceEnd = job.graceEnd, let connection = job.connection {
            if graceEnd <= now { return giveUp(id, connection) }
            // The first request may have met the server before the statement did.
            wake(by: min(graceEnd, now + limits.cancelGrace / 8))
            return [.cancel(id, connection)]
        }
        if job.deadline > now {
            wake(by: job.deadline)
            return []
        }
        if job.isStarted { return stop(id, .timedOut, now) }
        waiting.removeAll { $0 == id }
        jobs[id] = nil
        return [.end(id, PostgresError(.timedOut))]
    }

    /// Has the server cancel a job, and lets its connection go afterwards: the request could still hit what comes next.
    mutating func stop(_ id: JobID, _ cause: PostgresError.Code, _ now: Instant) -> [Action] {
        guard let job = jobs[id], job.cause == nil, let connection = job.connection else { return [] }
        let graceEnd = now + limits.cancelGrace
        jobs[id]?.cause = cause
        jobs[id]?.graceEnd = graceEnd
        wake(by: now + limits.cancelGrace / 8)
        if connections[connection]?.phase == .open { connections[connection]?.phase = .retiring }
        return [.cancel(id, connection)] + dispatch(now)
    }

    /// The server did not cancel in time.
    private mutating func giveUp(_ id: JobID, _ connection: ConnectionID) -> [Action] {
        jobs[id]?.graceEnd = nil
        if connections[connection]?.running.first == id {
            connections[connection]?.phase = .ending
            return [.abandon(connection)]
        }
        // It waits behind others on their connection: they go on, and nobody waits for it any more.
        guard let job = jobs.removeValue(forKey: id), let cause = job.cause else { return [] }
        return [.end(id, PostgresError(cause, .commitInDoubt))]
    }

    mutating func wake(by time: Instant) { wakeAt = wakeAt.map { min($0, time) } ?? time }
}
