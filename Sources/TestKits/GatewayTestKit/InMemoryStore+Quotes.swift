public import AdapterKit
public import GatewayModel

extension InMemoryStore: QuoteStore {
    public func event(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) -> (StoredEvent, [Decision])? {
        try read { $0.event(id, of: organizationID) }
    }

    public func events(_ query: EventQuery) async throws(StoreError) -> Page<(StoredEvent, [Decision])> {
        try read { tables in
            let rows = tables.events.filter { event in
                event.organizationID == query.organizationID && (query.apiKeyID == nil || query.apiKeyID == event.apiKeyID)
                    && (query.quoteID == nil || query.quoteID == event.quoteID) && (query.leadID == nil || query.leadID == event.leadID)
                    && (query.trigger == nil || query.trigger == event.trigger)
            }
            return page(rows.map { ($0, tables.decisions(of: $0)) }, limit: query.limit, after: query.after) {
                PageCursor(time: $0.0.acceptedAt, id: $0.0.id.bits)
            }
        }
    }

    public func decision(for delivery: DeliveryID) async throws(StoreError) -> Decision? {
        try read { tables in tables.decisions.first { $0.deliveryIDs.contains(delivery) } }
    }

    public func commit(_ commit: EventCommit) async throws(StoreError) -> EventCommitResult { try write { $0.commit(commit) } }

    public func unplannedEvents(after last: StoredEvent?, limit: Int) async throws(StoreError) -> [StoredEvent] {
        try read { tables in
            let waiting = tables.events.filter { event in
                !event.isPlanned && last.map { ($0.acceptedAt, $0.id) < (event.acceptedAt, event.id) } ?? true
            }
            return Array(waiting.sorted { ($0.acceptedAt, $0.id) < ($1.acceptedAt, $1.id) }.prefix(limit))
        }
    }

    public func plan(_ retry: PlannedRetry) async throws(StoreError) -> Bool {
        try write { tables in
            let index = tables.events.firstIndex { $0.id == retry.eventID && $0.organizationID == retry.organizationID && !$0.isPlanned }
            guard let index else { return false }
            tables.events[index].isPlanned = retry.isPlanned
            tables.decisions.removeAll {
                $0.eventID == retry.eventID && $0.organizationID == retry.organizationID && $0.outcome == .deferred
            }
            for message in retry.messages { _ = tables.accept(message) }
            tables.decisions += retry.decisions
            return true
        }
    }

    public func quote(_ id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> Quote? {
        try read { $0.quotes[.init(organizationID: organizationID, text: id.text)] }
    }

    public func quote(tokenHash: [UInt8]) async throws(StoreError) -> Quote? {
        try read { tables in tables.quotes.values.first { $0.tokenHash == tokenHash } }
    }

    public func files(of id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> [QuoteFile] {
        try read { $0.files[.init(organizationID: organizationID, text: id.text)] ?? [] }
    }

    public func recordView(
        _ id: QuoteID, organizationID: OrganizationID, at now: Timestamp, activity: Activity
    ) async throws(StoreError) -> Bool {
        try write { tables in
            let key = InMemoryTables.Key(organizationID: organizationID, text: id.text)
            guard var quote = tables.quotes[key], quote.viewedAt == nil else { return false }
            quote.viewedAt = now
            quote.updatedAt = now
            quote.revision += 1
            tables.quotes[key] = quote
            tables.append(activity)
            return true
        }
    }

    public func activities(
        of id: QuoteID, organizationID: OrganizationID, after: ActivityID?, limit: Int
    ) async throws(StoreError) -> [Activity] {
        try read { tables in
            let rows = tables.activities.filter { row in
                row.quoteID == id && row.organizationID == organizationID && after.map { row.id > $0 } ?? true
            }
            return Array(rows.sorted { $0.id < $1.id }.prefix(limit))
        }
    }
}

extension InMemoryTables {
    func event(_ id: EventID, of organizationID: OrganizationID) -> (StoredEvent, [Decision])? {
        events.first { $0.id == id && $0.organizationID == organizationID }.map { ($0, decisions(of: $0)) }
    }

    func decisions(of event: StoredEvent) -> [Decision] {
        decisions.filter { $0.eventID == event.id && $0.organizationID == event.organizationID }
    }

    mutating func append(_ activity: Activity) {
        let earlier = activities.filter { $0.organizationID == activity.organizationID && $0.quoteID == activity.quoteID }
        activities.append(activity.following(earlier.map(\.id).max()))
    }

    mutating func commit(_ commit: EventCommit) -> EventCommitResult {
        let organizationID = commit.event.organizationID
        if let (earlier, decisions) = event(commit.event.id, of: organizationID) {
            return earlier.bodyHash == commit.event.bodyHash ? .duplicate(earlier, decisions) : .bodyConflict
        }
        if var quote = commit.quote {
            let key = Key(organizationID: organizationID, text: quote.id.text)
            guard quotes[key]?.revision ?? 0 == quote.revision else { return .quoteChanged }
            if let hash = quote.tokenHash, quotes.contains(where: { $0.key != key && $0.value.tokenHash == hash }) { return .tokenConflict }
            quote.revision += 1
            quotes[key] = quote
        }
        events.append(commit.event)
        if let supersession = commit.supersedes {
            let waiting = pending { row in
                row.delivery.organizationID == organizationID && row.delivery.quoteID == supersession.quoteID && row.delivery.isDelayedStep
                    && row.delivery.recordedAttempts == 0 && row.delivery.lease?.isTransmitting != true
            }
            for row in waiting { cancelSuperseded(row.delivery.id, at: supersession.at) }
        }
        for message in commit.messages { _ = accept(message) }
        decisions += commit.decisions
        for activity in commit.activities { append(activity) }
        if let lead = commit.lead { remember(lead, of: organizationID) }
        for (quoteID, files) in Dictionary(grouping: commit.quoteFiles, by: \.quoteID) {
            self.files[Key(organizationID: organizationID, text: quoteID.text)] = files
        }
        return .committed
    }
}
