import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore {
    public func commit(_ commit: EventCommit) async throws(StoreError) -> EventCommitResult {
        let (partitions, workflows, rows) = (partitions, workflows, IntakeRows(commit.messages, at: clock.now))
        let day = rows.days.union([Day(commit.event.acceptedAt)]).max() ?? Day(commit.event.acceptedAt)
        let (end, wasInDoubt) = try await writeResolvingDoubt { pool, isSecondTry async throws(PostgresError) in
            let end = try await partitions.writing(rows.days.union([day])) { () async throws(PostgresError) in
                guard commit.lead != nil else { return try await EventWriting(commit, rows, day: day).run(in: pool) }
                // On a schema from before the workflow engine there is nothing to remember a lead in.
                let written = try await workflows.using(pool) { () async throws(PostgresError) in
                    try await EventWriting(commit, rows, day: day).run(in: pool)
                }
                if let written { return written }
                var commit = commit
                commit.lead = nil
                return try await EventWriting(commit, rows, day: day).run(in: pool)
            }
            return (end, isSecondTry)
        }
        switch end {
        case .committed:
            dispatch.note(waiting: rows.waiting)
            noteEntry()
            return .committed
        case .quoteChanged: return .quoteChanged
        case .tokenConflict: return .tokenConflict
        case .known:
            guard let (earlier, decisions) = try await event(commit.event.id, organizationID: commit.event.organizationID) else {
                throw .outcomeUnknown
            }
            guard earlier.bodyHash == commit.event.bodyHash else { return .bodyConflict }
            // The ids of decisions are made for one try: these are ours, and only the answer was lost.
            if wasInDoubt, decisions.map(\.id) == commit.decisions.map(\.id), !decisions.isEmpty { return .committed }
            return .duplicate(earlier, decisions)
        }
    }
}

/// The transaction that writes one event with everything it changes, in two round trips.
private struct EventWriting: Sendable {
    enum End: Sendable {
        case committed, known, quoteChanged, tokenConflict
    }

    /// What the first round trip finds, with the event's id taken and the quote locked.
    private enum Finding: Sendable {
        case isNew(Bool)
        case revision(Int64?)
        case latest(ActivityID?)
        case taken([MessageKey])
        case standing([KeyedMessage])
        case superseded([Dependents.Waiting])
    }

    private let commit: EventCommit
    private let rows: IntakeRows
    private let day: Day
    private let organizationID: OrganizationID

    init(_ commit: EventCommit, _ rows: IntakeRows, day: Day) {
        self.commit = commit
        self.rows = rows
        self.day = day
        organizationID = commit.event.organizationID
    }

    func run(in pool: PostgresPool) async throws(PostgresError) -> End {
        do throws(PostgresError) {
            return try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                try await write(in: &transaction)
            }
        } catch {
            switch (error.state, error.constraint) {
            // Nobody could lock a quote that was not there.
            case (.uniqueViolation, "quotes_pkey"): return .quoteChanged
            case (.uniqueViolation, "quote_tokens_pkey"): return .tokenConflict
            default: throw error
            }
        }
    }

    private func write(in transaction: inout PostgresTransaction) async throws(PostgresError) -> PostgresEnd<End> {
        var isNew = false
        var revision: Int64?
        var latest: ActivityID?
        var taken: [MessageKey] = []
        var standing: [KeyedMessage] = []
        var superseded: [Dependents.Waiting] = []
        for finding in try await transaction.run(all: questions) {
            switch finding {
            case .isNew(let answer): isNew = answer
            case .revision(let answer): revision = answer
            case .latest(let answer): latest = answer
            case .taken(let keys): taken = keys
            case .standing(let found): standing = found
            case .superseded(let waiting): superseded = waiting
            }
        }
        guard isNew else { return .rollBack(.known) }
        if let quote = commit.quote, (revision ?? 0) != quote.revision { return .rollBack(.quoteChanged) }
        let rows = rows.of(TakenKeys(taken: taken, standing: standing).isOwn)
        let lanes = rows.lanes.union(superseded.compactMap(\.lane))
        if !lanes.isEmpty { transaction.later(Lanes.lock(lanes)) }
        Dependents.change(superseded, in: &transaction)
        var statements = commit.quote.map(QuoteRow.write) ?? []
        statements += EventRow.insert(commit.event, on: day) + rows.statements() + (lanes.isEmpty ? [] : [Lanes.advance(lanes)])
        statements += DecisionRow.insert(commit.decisions, on: day)
        statements += commit.activities.rising(after: latest).map(QuoteRow.insert)
        statements += commit.lead.map { [WorkflowRows.remember($0, of: organizationID)] } ?? []
        statements += QuoteRow.replace(commit.quoteFiles, of: organizationID)
        for statement in statements { transaction.later(statement) }
        return .commit(.committed)
    }

    /// The event first: whoever tells of the same one waits for this. Then the quote, so that its events come one after the other.
    private var questions: [PostgresStatement<Finding>] {
        var questions = [EventRow.take(commit.event, on: day).map { Finding.isNew($0 != nil) }]
        if let quoteID = commit.quote?.id ?? commit.activities.first?.quoteID {
            questions.append(QuoteRow.lock(quoteID, of: organizationID).map { .revision($0) })
            if !commit.activities.isEmpty { questions.append(QuoteRow.latestActivity(of: quoteID, organizationID).map { .latest($0) }) }
        }
        let keyed = commit.messages.filter { $0.idempotencyKey != nil }
        if !keyed.isEmpty {
            questions.append(MessageKey.insert(keyed).map { .taken($0) })
            questions.append(MessageKey.select(keyed).map { .standing($0) })
        }
        if let supersession = commit.supersedes {
            questions.append(Dependents.superseded(by: supersession, of: organizationID).map { .superseded($0) })
        }
        return questions
    }
}
