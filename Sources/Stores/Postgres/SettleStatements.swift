import AdapterKit
import GatewayModel
import PostgresClient

/// A delivery whose lease held when it was to be settled.
struct SettledRow: Sendable {
    let id: DeliveryID
    let organizationID: OrganizationID
    let channel: ChannelName
    let day: Day
    /// Whether it was written. It is not where its day was not named, or others depend on it and nobody sees to them.
    let isWritten: Bool
    let lane: Lane?
}

/// The one statement that settles a batch, fenced by the tokens of the leases.
enum SettleStatements {
    /// - Parameters:
    ///   - days: Those on which the deliveries probably stand; what stands on others is answered and not written.
    ///   - all: Whether to write also what has an ordering key or a fallback standing by; the caller sees to these then.
    static func settle(_ settlements: [Settlement], days: Set<Day>, all: Bool) -> PostgresStatement<[SettledRow]> {
        let s = settlements
        return .rows(
            settling,
            Column(days), all, Column(s, \.deliveryID), Column(s, \.token), Column(s, \.change.state), Column(s, \.change.reason),
            Column(s, \.change.confirmation), Column(s, \.change.flags.rawValue), Column(s, \.change.attemptCount),
            Column(s, \.change.recordedAttempts), Column(s, \.change.claimCount), Column(s, \.change.dueAt), Column(s, \.change.updatedAt),
            Column(s, \.change.settledAt), Column(s, \.change.providerMessageID), Column(s) { $0.change.lastError?.errorClass },
            Column(s) { $0.change.lastError?.code }, Column(s) { $0.change.lastError?.message }, Column(s, \.change.maxAttempts),
            Column(s, \.change.deadline), Column(s) { $0.change.fallback != .none }, Column(s) { $0.attempt?.number },
            Column(s) { $0.attempt?.startedAt }, Column(s) { $0.attempt?.endedAt }, Column(s) { $0.attempt?.outcome },
            Column(s) { $0.attempt?.counted }, Column(s) { $0.attempt?.failure?.errorClass }, Column(s) { $0.attempt?.failure?.code },
            Column(s) { $0.attempt?.failure?.message }, Column(s) { $0.attempt?.code }, Column(s) { $0.attempt?.providerMessageID }
        ) { row in
            let id = try row.next(DeliveryID.self)
            let organizationID = try row.next(OrganizationID.self)
            return SettledRow(
                id: id, organizationID: organizationID, channel: try row.next(), day: try row.next(), isWritten: try row.next(),
                lane: try row.next(String?.self).map { Lane(organizationID: organizationID, key: $0) })
        }
    }

    private static let settling: SQL = """
        WITH held AS MATERIALIZED (
            SELECT s.*, o.organization_id, o.day, o.channel, o.ordering_key
            FROM unnest(
                $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29,
                $30, $31
            ) AS s (
                delivery_id, token, state, reason, confirmation, flags, attempt_count, recorded_attempts, claim_count, due_at, updated_at,
                settled_at, provider_message_id, error_class, error_code, error_message, max_attempts, deadline, has_effect,
                attempt_number, attempt_started_at, attempt_ended_at, attempt_outcome, attempt_counted, attempt_error_class,
                attempt_error_code, attempt_error_message, attempt_code, attempt_provider_message_id
            )
            JOIN gateway.outbox o ON o.delivery_id = s.delivery_id AND o.lease_token = s.token
            ORDER BY o.delivery_id FOR UPDATE OF o
        ), judged AS MATERIALIZED (
            SELECT *, day = ANY ($1) AND (
                $2 OR ordering_key IS NULL AND NOT (
                    has_effect AND EXISTS (SELECT FROM gateway.outbox f WHERE f.fallback_of = held.delivery_id))) AS is_written
            FROM held
        ), chosen AS MATERIALIZED (
            SELECT * FROM judged WHERE is_written
        ), gone AS (
            DELETE FROM gateway.outbox o USING chosen
            WHERE o.delivery_id = chosen.delivery_id AND o.organization_id = chosen.organization_id AND chosen.state <> 'pending'
        ), kept AS (
            UPDATE gateway.outbox o
            SET lease_token = NULL, lease_until = NULL, transmitting = false, due_at = chosen.due_at, claim_count = chosen.claim_count,
                deadline = COALESCE(chosen.deadline, o.deadline), ready = chosen.due_at <= chosen.updated_at,
                delayed_quote_id = CASE WHEN chosen.recorded_attempts = 0 THEN o.delayed_quote_id END
            FROM chosen
            WHERE o.delivery_id = chosen.delivery_id AND o.organization_id = chosen.organization_id AND chosen.state = 'pending'
        ), written AS (
            UPDATE gateway.deliveries d
            SET state = c.state, reason = c.reason, confirmation = c.confirmation, flags = c.flags, attempt_count = c.attempt_count,
                recorded_attempts = c.recorded_attempts, claim_count = c.claim_count, due_at = c.due_at, updated_at = c.updated_at,
                settled_at = c.settled_at, provider_message_id = c.provider_message_id, error_class = c.error_class,
                error_code = c.error_code, error_message = c.error_message, max_attempts = COALESCE(c.max_attempts, d.max_attempts),
                deadline = COALESCE(c.deadline, d.deadline), revision = d.revision + 1, settled_by = c.token
            FROM chosen c
            WHERE d.id = c.delivery_id AND d.organization_id = c.organization_id AND d.day = c.day AND d.day = ANY ($1)
            RETURNING d.organization_id, d.channel, d."trigger", d.state
        ), tried AS (
            INSERT INTO gateway.attempts (
                delivery_id, organization_id, day, number, started_at, ended_at, outcome, counted, error_class, error_code, error_message,
                code, provider_message_id
            )
            SELECT delivery_id, organization_id, day, attempt_number, attempt_started_at, attempt_ended_at, attempt_outcome, attempt_counted,
                attempt_error_class, attempt_error_code, attempt_error_message, attempt_code, attempt_provider_message_id
            FROM chosen WHERE attempt_number IS NOT NULL
        ), named AS (
            INSERT INTO gateway.provider_ids (delivery_id, organization_id, day, channel, provider_message_id)
            SELECT delivery_id, organization_id, day, channel, provider_message_id FROM chosen WHERE provider_message_id IS NOT NULL
        ), counted AS (
            INSERT INTO gateway.state_changes (organization_id, channel, "trigger", left_state, entered_state, deliveries)
            SELECT organization_id, channel, COALESCE("trigger", ''), 'pending', state, count(*)
            FROM written WHERE state <> 'pending' GROUP BY organization_id, channel, COALESCE("trigger", ''), state
        )
        SELECT delivery_id, organization_id, channel, day - '1970-01-01', is_written, ordering_key FROM judged
        """
}
