/// How a transaction is to end, and what comes of it.
public enum PostgresEnd<Value> {
    case commit(Value)
    case rollBack(Value)
}

extension PostgresPool {
    /// Runs a transaction in which later statements depend on what earlier ones answered.
    ///
    /// The body has a connection for itself, so that it should take no longer than it must, and not wait for anything else. What it throws
    /// rolls back. Where it may be run again after a conflict, it must not change anything outside of the transaction.
    ///
    /// - Parameters:
    ///   - retry: How often the body is run again after a conflict with another transaction.
    ///   - limit: The time for all of it, with the wait for a connection; `nil` for that of the configuration.
    public func withTransaction<Value>(
        _ isolation: PostgresIsolation = .readCommitted, retry: PostgresRetry = .never, within limit: Duration? = nil,
        _ body: (inout PostgresTransaction) async throws(PostgresError) -> PostgresEnd<Value>
    ) async throws(PostgresError) -> Value {
        try await repeating(retry, within: limit) { deadline in
            let job = self.core.nextNumber()
            return await withTaskCancellationHandler {
                await self.once(job, isolation, deadline, body)
            } onCancel: {
                self.core.cancel(job)
            }
        }
    }

    private func once<Value>(
        _ job: JobID, _ isolation: PostgresIsolation, _ deadline: ContinuousClock.Instant,
        _ body: (inout PostgresTransaction) async throws(PostgresError) -> PostgresEnd<Value>
    ) async -> Result<Value, PostgresError> {
        let leased: Result<PostgresLink, PostgresError> = await withCheckedContinuation { waiter in
            core.lease(job, deadline: deadline, waiter)
            // A cancellation before the submission has found nothing to cancel.
            if Task.isCancelled { core.cancel(job) }
        }
        let link: PostgresLink
        switch leased {
        case .success(let found): link = found
        case .failure(let error): return .failure(error)
        }
        var transaction = PostgresTransaction(core, link, job, opening: [PostgresStep(isolation.begin)] + settingsOfTransaction)
        let result = await Self.end(&transaction, body)
        let cause = core.giveBack(job, isSound: transaction.isSound)
        return result.mapError { PoolCore.told($0, cause) ?? $0 }
    }

    private static func end<Value>(
        _ transaction: inout PostgresTransaction,
        _ body: (inout PostgresTransaction) async throws(PostgresError) -> PostgresEnd<Value>
    ) async -> Result<Value, PostgresError> {
        do throws(PostgresError) {
            switch try await body(&transaction) {
            case .commit(let value):
                try await transaction.commit()
                return .success(value)
            case .rollBack(let value):
                await transaction.rollBack()
                return .success(value)
            }
        } catch {
            await transaction.rollBack()
            return .failure(error)
        }
    }
}
