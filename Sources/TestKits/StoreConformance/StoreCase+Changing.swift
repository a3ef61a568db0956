import AdapterKit
import GatewayModel

extension StoreCase {
    static var changing: [StoreCase] {
        [
            StoreCase("a change is written with its audit entry") { trial in
                let delivery = try await trial.accept(trial.mail())
                let audit = AuditEntry(
                    id: .make(), at: trial.at(1), organizationID: .first, actor: "cli", action: "deliveries.cancel",
                    subject: delivery.id.description)
                guard
                    case .applied(let changed) = try await trial.store.apply(
                        delivery.cancelled(at: trial.at(1)), to: delivery, audit: audit)
                else { return try expect(false, "it is applied") }
                try expectEqual(changed.state, .cancelled, "it is cancelled")
                try expectEqual(try await trial.read(delivery.id), changed, "what is read is what was answered")
                try expectEqual(try await trial.store.audit(AuditQuery(organizationID: .first)).elements, [audit], "the entry is there")
                try expectEqual(try await trial.claim().deliveries, [], "it is never sent")
            },
            StoreCase("a change to what changed meanwhile is stale and leaves no audit entry") { trial in
                let delivery = try await trial.accept(trial.mail())
                _ = try await trial.store.apply(delivery.cancelled(at: trial.at(1)), to: delivery, audit: nil)
                let audit = AuditEntry(id: .make(), at: trial.at(2), actor: "cli", action: "deliveries.cancel", subject: "x")
                try expectEqual(
                    try await trial.store.apply(delivery.cancelled(at: trial.at(2)), to: delivery, audit: audit), .stale, "it is refused")
                try expectEqual(try await trial.store.audit(AuditQuery()).elements, [], "nothing is recorded")
            },
            StoreCase("a change to what is unknown is not found") { trial in
                var delivery = try await trial.accept(trial.mail())
                delivery.id = .make()
                try expectEqual(
                    try await trial.store.apply(delivery.cancelled(at: trial.at(1)), to: delivery, audit: nil), .notFound, "it says so")
            },
            StoreCase("tries made elsewhere are kept with the change that they led to") { trial in
                var mail = trial.mail()
                mail.suppressed = .enqueueFailed
                let delivery = try await trial.accept(mail)
                var change = delivery.unchanged(at: trial.at(2))
                change.state = .succeeded
                change.reason = nil
                change.attemptCount = 2
                change.recordedAttempts = 2
                change.settledAt = trial.at(2)
                let failure = DeliveryFailure(.timeout, "no answer")
                let attempts = [
                    Attempt(number: 1, startedAt: trial.at(0), endedAt: trial.at(1), outcome: .deferred, counted: true, failure: failure),
                    Attempt(number: 2, startedAt: trial.at(1), endedAt: trial.at(2), outcome: .accepted, counted: true, code: "250"),
                ]
                guard case .applied(let changed) = try await trial.store.apply(change, to: delivery, attempts: attempts, audit: nil) else {
                    return try expect(false, "it is applied")
                }
                try expectEqual(changed.state, .succeeded, "it stands as it was told")
                try expectEqual(try await trial.store.attempts(of: delivery.id), attempts, "its tries are in the journal")
                try expectEqual(
                    try await trial.store.apply(change, to: delivery, attempts: attempts, audit: nil), .stale, "not a second time")
                try expectEqual(try await trial.store.attempts(of: delivery.id), attempts, "nor are they")
                try expectEqual(try await trial.claim().deliveries, [], "it is never sent again")
            },
            StoreCase("of cancel and claim one wins, truthfully told") { trial in
                let delivery = try await trial.accept(trial.mail())
                async let claiming = trial.claim()
                async let cancelling = trial.store.apply(delivery.cancelled(at: trial.at(1)), to: delivery, audit: nil)
                let (claim, result) = try await (claiming, cancelling)
                if case .applied = result {
                    try expectEqual(claim.deliveries, [], "cancelled means never handed out")
                } else {
                    try expectEqual(result, .stale, "too late says so")
                    try expectEqual(claim.deliveries.count, 1, "and it was handed out")
                }
            },
            StoreCase("a change under the lease it was read with ends a claim truthfully") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                guard
                    case .applied = try await trial.store.apply(
                        claimed.delivery.cancelled(at: trial.at(1)), to: claimed.delivery, audit: nil)
                else { return try expect(false, "it is applied") }
                try expectEqual(try await trial.store.settle([claimed.accepted(at: trial.at(2))]), [], "the settlement comes too late")
                try expectEqual(try await trial.store.markTransmitting([claimed.reference], at: trial.at(2)), [], "no transmission begins")
            },
            StoreCase("a dead letter can be replayed") { trial in
                try await trial.accept(trial.mail(orderingKey: "quote"))
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.failed(at: trial.at(1))])
                let failed = try await trial.read(claimed.delivery.id)
                var change = failed.unchanged(at: trial.at(10))
                change.state = .pending
                change.reason = nil
                change.settledAt = nil
                change.dueAt = trial.at(10)
                guard case .applied = try await trial.store.apply(change, to: failed, audit: nil) else {
                    return try expect(false, "it is applied")
                }
                let again = try await trial.claimOne(at: trial.at(10))
                try expectEqual(again.delivery.recordedAttempts, 1, "attempt numbers go on")
                _ = try await trial.store.settle([again.accepted(at: trial.at(11))])
                try expectEqual(try await trial.store.attempts(of: failed.id).map(\.number), [1, 2], "in one journal")
            },
        ]
    }

    static var reports: [StoreCase] {
        [
            StoreCase("the same news is kept once") { trial in
                let report = trial.report("p-1", .delivered, at: 5)
                try expect(try await trial.store.record(report), "the first is kept")
                var again = report
                again.id = .make()
                again.receivedAt = trial.at(90)
                try expect(!(try await trial.store.record(again)), "the second is not")
                try expect(try await trial.store.record(trial.report("p-1", .read, at: 5)), "other news is")
                try expect(try await trial.store.record(trial.report("p-1", .delivered, at: 6)), "so is the same at another time")
            },
            StoreCase("a report before the settlement is kept and adopted once") { trial in
                try await trial.accept(trial.mail())
                let report = trial.report("p-1", .delivered, at: 1)
                _ = try await trial.store.record(report)
                try expectEqual(try await trial.store.delivery(for: report), nil, "nobody knows the id yet")
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.accepted(at: trial.at(2), providerID: "p-1")])
                let settled = try await trial.read(claimed.delivery.id)
                let adopted = try await trial.store.adoptReports(for: [settled])
                try expectEqual(adopted.map(\.id), [report.id], "now it is matched")
                try expectEqual(adopted.first?.deliveryID, settled.id, "to its delivery")
                try expectEqual(try await trial.store.adoptReports(for: [settled]), [], "once")
                try expectEqual(try await trial.store.reports(of: settled.id), adopted, "and it is listed with it")
            },
            StoreCase("reports in any order end alike") { trial in
                let kinds: [DeliveryReport.Kind] = [.sent, .delivered, .read]
                var ends: [[DeliveryReport.Kind]] = []
                for (round, order) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].enumerated() {
                    try await trial.accept(trial.mail("r\(round)@example.com"))
                    // Some come before the provider's id is known here, some after; each of them twice.
                    var settled: Delivery?
                    for (place, index) in order.enumerated() {
                        if place == round % 3 {
                            let claimed = try await trial.claimOne()
                            _ = try await trial.store.settle([claimed.accepted(at: trial.at(1), providerID: "p-\(round)")])
                            settled = try await trial.read(claimed.delivery.id)
                        }
                        for isFirst in [true, false] {
                            let report = trial.report("p-\(round)", kinds[index], at: Int64(index))
                            try expectEqual(try await trial.store.record(report), isFirst, "the same news is kept once")
                        }
                    }
                    guard let settled else { return }
                    let adopted = try await trial.store.adoptReports(for: [settled])
                    let listed = try await trial.store.reports(of: settled.id)
                    try expectEqual(Set(adopted.map(\.id)), Set(listed.map(\.id)), "what is matched is listed with it")
                    try expectEqual(try await trial.store.adoptReports(for: [settled]).map(\.id), [], "once")
                    ends.append(listed.sorted { $0.report.at < $1.report.at }.map(\.report.kind))
                }
                try expectEqual(ends, Array(repeating: kinds, count: 6), "every one of them")
            },
            StoreCase("a report finds its delivery by our id, else by the provider's") { trial in
                try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.accepted(at: trial.at(2), providerID: "p-1")])
                try expectEqual(
                    try await trial.store.delivery(for: trial.report("p-1", .read, at: 3))?.id, claimed.delivery.id, "by the provider's")
                var named = trial.report(nil, .read, at: 3)
                named.report.deliveryID = claimed.delivery.id
                try expectEqual(try await trial.store.delivery(for: named)?.id, claimed.delivery.id, "by ours")
                var elsewhere = trial.report("p-1", .read, at: 3)
                elsewhere.channel = .whatsapp
                try expectEqual(try await trial.store.delivery(for: elsewhere), nil, "not on another channel")
            },
            StoreCase("a report of one organization's account never finds another's delivery") { trial in
                try await trial.accept(trial.mail(), for: .first)
                let claimed = try await trial.claimOne()
                _ = try await trial.store.settle([claimed.accepted(at: trial.at(2), providerID: "p-1")])
                var report = trial.report("p-1", .bounced, at: 3)
                report.organizationID = .second
                try expectEqual(try await trial.store.delivery(for: report), nil, "it is not theirs")
                _ = try await trial.store.record(report)
                try expectEqual(try await trial.store.adoptReports(for: [try await trial.read(claimed.delivery.id)]), [], "nor adopted")
            },
            StoreCase("every field of a report round-trips") { trial in
                let delivery = try await trial.accept(trial.mail())
                let parts: [RejectedPart] = [.message, .template, .size, .window, .endpoint, .deadEndpoint, .optedOut(.marketing)]
                for (index, part) in parts.enumerated() {
                    var report = trial.report(nil, .bounced, at: Int64(index))
                    report.report.deliveryID = delivery.id
                    report.report.failure = DeliveryFailure(.recipientInvalid, code: "5.1.1", "gone")
                    report.report.rejectedPart = part
                    report.deliveryID = delivery.id
                    _ = try await trial.store.record(report)
                    try expectEqual(try await trial.store.reports(of: delivery.id).last, report, "it reads back as it was")
                }
            },
        ]
    }
}

extension StoreTrial {
    fileprivate func report(_ providerID: String?, _ kind: DeliveryReport.Kind, at seconds: Int64) -> StoredReport {
        StoredReport(
            id: .make(), channel: .email, report: DeliveryReport(providerMessageID: providerID, kind: kind, at: at(seconds)),
            receivedAt: at(seconds))
    }
}
