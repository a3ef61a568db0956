import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: OutboxWriting {
    public func accept(_ messages: [NewMessage]) async throws(StoreError) -> [MessageAcceptance] {
        if messages.isEmpty { return [] }
        return try await intake.call(messages) { [self] messages in await acceptGroup(messages) }.get()
    }

    private func acceptGroup(_ messages: [NewMessage]) async -> Result<[MessageAcceptance], StoreError> {
        do throws(StoreError) {
            let rows = IntakeRows(messages, at: clock.now)
            let keys = try await writeResolvingDoubt { [partitions] pool, isSecondTry async throws(PostgresError) in
                try await partitions.writing(rows.days) { () async throws(PostgresError) in
                    try await Self.accept(rows, in: pool, isSecondTry: isSecondTry)
                }
            }
            dispatch.note(waiting: rows.waiting)
            noteEntry()
            return .success(try await answers(rows, keys))
        } catch {
            return .failure(error)
        }
    }

    /// Writes what is new, in one transaction; answers what stands under the idempotency keys.
    private static func accept(
        _ rows: IntakeRows, in pool: PostgresPool, isSecondTry: Bool
    ) async throws(PostgresError) -> [MessageKey: KeyedMessage] {
        let keyed = rows.messages.lazy.map(\.message).filter { $0.idempotencyKey != nil }
        if keyed.isEmpty, !isSecondTry {
            _ = try await pool.run(all: rows.lockedStatements(), retry: .onConflict)
            return [:]
        }
        return try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
            let taken = try await take(Array(keyed), in: &transaction)
            var new = rows.of(taken.isOwn)
            if isSecondTry { new = try await unwritten(new, in: &transaction) }
            for statement in new.lockedStatements(naming: !isSecondTry) { transaction.later(statement) }
            return .commit(taken.standing)
        }
    }

    /// Those that an earlier try did not write, whose days are named now; an earlier try that is still under way is waited for.
    private static func unwritten(
        _ rows: IntakeRows, in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> IntakeRows {
        let fresh = Set(try await transaction.run(rows.insertMissingDays))
        return rows.of { message in message.deliveries.allSatisfy { fresh.contains($0.id) } }
    }

    /// Takes the idempotency keys of messages.
    static func take(
        _ keyed: [NewMessage], in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> TakenKeys {
        if keyed.isEmpty { return TakenKeys(taken: [], standing: []) }
        let (taken, standing) = try await transaction.run(MessageKey.insert(keyed), MessageKey.select(keyed))
        return TakenKeys(taken: taken, standing: standing)
    }

    private func answers(_ rows: IntakeRows, _ keys: [MessageKey: KeyedMessage]) async throws(StoreError) -> [MessageAcceptance] {
        var created: [MessageID: [Delivery]] = [:]
        for entry in rows.messages where entry.message.key.map({ keys[$0]?.messageID == entry.message.id }) ?? true {
            created[entry.message.id] = entry.deliveries
        }
        let repeats = rows.messages.compactMap { entry in entry.message.key.flatMap { keys[$0] } }.filter { created[$0.messageID] == nil }
        let earlier = try await deliveries(of: repeats)
        return rows.messages.map { entry in
            let message = entry.message
            if let deliveries = created[message.id] { return .created(deliveries) }
            guard let standing = message.key.flatMap({ keys[$0] }), standing.bodyHash == message.bodyHash else { return .conflict }
            return .duplicate(standing.messageID, created[standing.messageID] ?? earlier[standing.messageID] ?? [])
        }
    }

    private func deliveries(of messages: [KeyedMessage]) async throws(StoreError) -> [MessageID: [Delivery]] {
        if messages.isEmpty { return [:] }
        let found = try await read(
            "delivery",
            .rows(
                DeliveryRow.byMessage, Column(Set(messages.map(\.day))), Column(Set(messages.map(\.messageID))), read: DeliveryRow.read))
        return Dictionary(grouping: found, by: \.messageID)
    }
}

extension IntakeRows {
    /// Everything, with the lanes locked before and advanced afterwards.
    func lockedStatements(naming: Bool = true) -> [PostgresStatement<Int>] {
        let statements = statements(naming: naming)
        return lanes.isEmpty ? statements : [Lanes.lock(lanes)] + statements + [Lanes.advance(lanes)]
    }
}

/// An idempotency key within its organization.
struct MessageKey: Hashable, Sendable {
    let organizationID: OrganizationID
    let text: String

    /// In the order of the keys, so that no two calls wait for each other; the first message with a key has it.
    static func insert(_ messages: [NewMessage]) -> PostgresStatement<[MessageKey]> {
        .rows(
            """
            INSERT INTO gateway.message_keys (organization_id, idempotency_key, message_id, day, body_hash)
            SELECT organization_id, idempotency_key, message_id, day, body_hash
            FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS k (organization_id, idempotency_key, message_id, day, body_hash, number)
            ORDER BY organization_id, idempotency_key, number
            ON CONFLICT (organization_id, idempotency_key) DO NOTHING RETURNING organization_id, idempotency_key
            """,
            Column(messages, \.organizationID), Column(messages, \.idempotencyKey), Column(messages, \.id), Column(messages, \.day),
            Column(messages, \.bodyHash)
        ) { row in MessageKey(organizationID: try row.next(), text: try row.next()) }
    }

    static func select(_ messages: [NewMessage]) -> PostgresStatement<[KeyedMessage]> {
        .rows(
            """
            SELECT k.organization_id, k.idempotency_key, k.message_id, k.body_hash, k.day - '1970-01-01'
            FROM (SELECT DISTINCT * FROM unnest($1, $2) AS k (organization_id, idempotency_key)) wanted
            JOIN gateway.message_keys k USING (organization_id, idempotency_key)
            """, Column(messages, \.organizationID), Column(messages, \.idempotencyKey)
        ) { row in
            KeyedMessage(
                key: MessageKey(organizationID: try row.next(), text: try row.next()), messageID: try row.next(), bodyHash: try row.next(),
                day: try row.next())
        }
    }
}

/// Idempotency keys after they were asked for: those that were free, and what stands under each.
struct TakenKeys: Sendable {
    let standing: [MessageKey: KeyedMessage]
    private let taken: Set<MessageKey>

    init(taken: [MessageKey], standing: [KeyedMessage]) {
        self.taken = Set(taken)
        self.standing = Dictionary(standing.map { ($0.key, $0) }) { first, _ in first }
    }

    /// Whether a message is to be written: it has no key, or got its key now.
    func isOwn(_ message: NewMessage) -> Bool {
        message.key.map { taken.contains($0) && standing[$0]?.messageID == message.id } ?? true
    }
}

/// What stands under an idempotency key.
struct KeyedMessage: Sendable {
    let key: MessageKey
    let messageID: MessageID
    let bodyHash: [UInt8]
    let day: Day
}

extension NewMessage {
    var key: MessageKey? { idempotencyKey.map { MessageKey(organizationID: organizationID, text: $0) } }
}
