import AdapterKit
import GatewayCore
import GatewayModel
import Testing

/// Every state against every event: what moves, what is refused, and nothing left out.
@Suite struct LifecycleTableTests {
    /// What is expected of one cell: the state afterwards, or the refusal.
    enum Cell: Equatable, Sendable {
        case to(DeliveryState)
        case refused(LifecycleRefusal)
    }

    /// One column of the table: an event, and its cell for each state.
    struct Column: Sendable, CustomTestStringConvertible {
        var name: String
        var event: LifecycleEvent
        var lostAnswer = LostAnswerPolicy.resend
        var cells: [DeliveryState: Cell]

        var testDescription: String { name }
    }

    static let now = Timestamp(seconds: 1_000_000)

    private static func report(_ kind: DeliveryReport.Kind) -> LifecycleEvent { .reported(DeliveryReport(kind: kind, at: now)) }

    /// Refused by every state but those named.
    private static func cells(_ named: [DeliveryState: Cell]) -> [DeliveryState: Cell] {
        Dictionary(uniqueKeysWithValues: DeliveryState.allCases.map { ($0, named[$0] ?? .refused(.invalidTransition(from: $0))) })
    }

    private static func tried(_ outcome: DeliveryOutcome) -> LifecycleEvent { .attempted(outcome, startedAt: now) }

    static let columns: [Column] = [
        Column(name: "accepted", event: tried(.accepted(Acceptance())), cells: cells([.pending: .to(.succeeded)])),
        Column(name: "deferred", event: tried(.deferred(.soft)), cells: cells([.pending: .to(.pending)])),
        Column(name: "throttled", event: tried(.throttled(.soft)), cells: cells([.pending: .to(.pending)])),
        Column(name: "channel fault", event: tried(.channelFault(.soft)), cells: cells([.pending: .to(.pending)])),
        Column(name: "message rejected", event: tried(.rejected(.hard, of: .message)), cells: cells([.pending: .to(.failed)])),
        Column(name: "endpoint dead", event: tried(.rejected(.hard, of: .deadEndpoint)), cells: cells([.pending: .to(.failed)])),
        Column(name: "answer lost, resend", event: tried(.answerLost(.soft)), cells: cells([.pending: .to(.pending)])),
        Column(
            name: "answer lost, reconcile", event: tried(.answerLost(.soft)), lostAnswer: .reconcile,
            cells: cells([.pending: .to(.unknown)])),
        Column(name: "answer lost, hold", event: tried(.answerLost(.soft)), lostAnswer: .hold, cells: cells([.pending: .to(.unknown)])),
        Column(name: "lease expired", event: .leaseExpired, cells: cells([.pending: .to(.pending)])),
        Column(name: "lease expired unmarked", event: .leaseExpired, lostAnswer: .hold, cells: cells([.pending: .to(.pending)])),
        Column(name: "suppressed", event: .suppressed(.optedOut), cells: cells([.pending: .to(.suppressed)])),
        Column(name: "undecodable", event: .undecodable, cells: cells([.pending: .to(.failed)])),
        Column(name: "deadline passed", event: .deadlinePassed, cells: cells([.pending: .to(.failed)])),
        Column(
            name: "cancelled", event: .cancelled(.superseded),
            cells: cells([
                .pending: .to(.cancelled), .succeeded: .refused(.tooLate(.succeeded)), .unknown: .refused(.tooLate(.unknown)),
                .cancelled: .refused(.nothingNew),
            ])),
        Column(
            name: "reported sent", event: report(.sent),
            cells: cells([
                .pending: .refused(.notYet), .succeeded: .to(.succeeded), .unknown: .to(.succeeded), .failed: .refused(.nothingNew),
            ])),
        Column(
            name: "reported delivered", event: report(.delivered),
            cells: cells([.pending: .refused(.notYet), .succeeded: .to(.succeeded), .unknown: .to(.succeeded), .failed: .to(.failed)])),
        Column(
            name: "reported read", event: report(.read),
            cells: cells([.pending: .refused(.notYet), .succeeded: .to(.succeeded), .unknown: .to(.succeeded), .failed: .to(.failed)])),
        Column(
            name: "reported bounced", event: report(.bounced),
            cells: cells([.pending: .refused(.notYet), .succeeded: .to(.succeeded), .unknown: .to(.succeeded), .failed: .to(.failed)])),
        Column(
            name: "reported complained", event: report(.complained),
            cells: cells([.pending: .refused(.notYet), .succeeded: .to(.succeeded), .unknown: .to(.succeeded), .failed: .to(.failed)])),
        Column(
            name: "reported failed", event: report(.failed),
            cells: cells([
                .pending: .refused(.notYet), .succeeded: .to(.failed), .unknown: .to(.failed), .failed: .refused(.nothingNew),
            ])),
        Column(
            name: "reported reply", event: report(.reply),
            cells: cells([
                .pending: .refused(.notYet), .succeeded: .refused(.nothingNew), .unknown: .refused(.nothingNew),
                .failed: .refused(.nothingNew),
            ])),
        Column(name: "resolved delivered", event: .resolved(delivered: true), cells: cells([.unknown: .to(.succeeded)])),
        Column(name: "resolved not delivered", event: .resolved(delivered: false), cells: cells([.unknown: .to(.pending)])),
        Column(name: "retried", event: .retried, cells: cells([.unknown: .to(.pending), .failed: .to(.pending)])),
    ]

    @Test(arguments: columns) func column(_ column: Column) {
        for state in DeliveryState.allCases {
            let lifecycle = Lifecycle(policy: ChannelPolicy(lostAnswer: column.lostAnswer), now: Self.now, chance: 0.5)
            let delivery = Delivery.example(state, now: Self.now)
            let result = lifecycle.reduce(delivery, column.event)
            let cell: Cell =
                switch result {
                case .success(let transition): .to(transition.change.state)
                case .failure(let refusal): .refused(refusal)
                }
            #expect(cell == column.cells[state], "\(column.name) on \(state)")
            if case .success(let transition) = result { check(transition, of: delivery, column.name) }
        }
    }

    /// What holds of every transition: an end has a time, a try a number, and nothing is left to wait without a reason to.
    private func check(_ transition: Transition, of delivery: Delivery, _ name: String) {
        let change = transition.change
        #expect((change.settledAt != nil) == (change.state != .pending), "\(name)")
        #expect(change.updatedAt == Self.now)
        #expect(change.recordedAttempts == delivery.recordedAttempts + (transition.attempt == nil ? 0 : 1), "\(name)")
        #expect(change.attemptCount == delivery.attemptCount + (transition.attempt?.counted == true ? 1 : 0), "\(name)")
        #expect(transition.attempt?.number ?? change.recordedAttempts == change.recordedAttempts, "\(name)")
        if delivery.state == .pending, [.failed, .suppressed, .cancelled, .unknown].contains(change.state) {
            #expect(change.reason != nil, "\(name)")
        }
        if change.state == .succeeded { #expect(change.reason == (name == "resolved delivered" ? .resolvedByUser : nil), "\(name)") }
        // What may have arrived and is sent again is marked, whoever decided that.
        if delivery.state == .unknown, change.state == .pending { #expect(change.flags.contains(.possibleDuplicate), "\(name)") }
        var after = delivery
        after.apply(change)
        #expect(after.lease == nil && after.revision == delivery.revision + 1 && after.state == change.state)
    }

    @Test func noEventIsLeftOut() {
        let kinds = Set(Self.columns.map { Self.kind($0.event) })
        #expect(kinds.count == 9)
        let reports = Self.columns.compactMap { if case .reported(let report) = $0.event { report.kind } else { nil } }
        #expect(Set(reports) == Set(DeliveryReport.Kind.allCases))
    }

    /// Stops compiling when an event is added, so that the table is thought of.
    private static func kind(_ event: LifecycleEvent) -> Int {
        switch event {
        case .attempted: 0
        case .leaseExpired: 1
        case .suppressed: 2
        case .undecodable: 3
        case .deadlinePassed: 4
        case .cancelled: 5
        case .reported: 6
        case .resolved: 7
        case .retried: 8
        }
    }
}
