import AdapterKit
import GatewayCore
import GatewayModel
import Testing
import WorkflowEngine

/// The numbered cases of planning, as far as they need no store.
@Suite struct PlannerTests {
    private static let now = Timestamp(seconds: 1_000_000)
    private static let pdf = Attachment(filename: "o.pdf", contentType: "application/pdf", bytes: [1])
    private static let planner = Planner(
        factory: DeliveryFactory(
            channels: Channels([Channel(adapter: StubMail()), Channel(adapter: StubChat()), Channel(adapter: StubHook())])))

    private func step(
        _ trigger: String = DecisionTable.quoteSent, _ channel: ChannelName = .email, _ audience: Audience = .lead, order: Int = 1,
        delay: Int = 0,
        enabled: Bool = true, subject: String? = "S", body: String = "Hoi {{lead.name}}", recipients: RecipientConfig? = nil
    ) -> Step {
        Step(
            id: .make(), trigger: trigger, channel: channel, audience: audience, stepOrder: order, delayMinutes: delay, enabled: enabled,
            recipients: recipients, templateSubject: subject, templateBody: body)
    }

    private func plan(
        _ steps: [Step], trigger: String = DecisionTable.quoteSent, email: String? = "jan@x.nl", phone: String? = "+31612345678",
        isOptedIn: Bool = true, isLegacyEnabled: Bool = true, source: ResolutionSource = .autoRule, planner: Planner = planner
    ) -> Plan {
        let workflow = Workflow(id: .make(), workflowKey: "default", name: "d", steps: steps, createdAt: Self.now, updatedAt: Self.now)
        let isResolved = source != .manualClear && source != .organizationDefault
        let mail = LegacyMail(
            templates: ContentTemplates(form: .mail, subject: "Legacy {{quote.number}}", body: "legacy"), attachments: [Self.pdf])
        let rows = isLegacyEnabled ? DecisionTable.rows(of: trigger).filter(\.hasLegacyPath) : []
        return planner.plan(
            PlanningInput(
                eventID: .make(), organizationID: .make(), trigger: trigger, quoteID: QuoteID("q1"), leadID: LeadID("l1"), apiKeyID: nil,
                facts: LeadFacts(), resolution: Resolution(workflow: isResolved ? workflow : nil, source: source), workflowVersion: 3,
                variables: TemplateVariables(VariableInput(lead: .init(name: "Jan"), quote: .init(number: "7"))), language: .dutch,
                lead: Contact(email: email, phone: phone), partner: Contact(email: "anna@x.nl"), agent: Contact(email: "anna@x.nl"),
                isOptedIn: isOptedIn, attachments: [Self.pdf], legacy: Dictionary(uniqueKeysWithValues: rows.map { ($0, mail) }),
                now: Self.now))
    }

    private func answers(_ plan: Plan) -> [String] {
        plan.decisions.map { "\($0.channel?.rawValue ?? "-") \($0.audience?.rawValue ?? "-") \($0.outcome.rawValue) \($0.reason.rawValue)" }
    }

    private func deliveries(_ plan: Plan) -> [NewDelivery] { plan.messages.flatMap(\.deliveries) }

    @Test("case 19: a mail rule: one mail, due now, with its file") func case19() throws {
        let plan = plan([step()])
        #expect(answers(plan) == ["email lead enqueued rule_enabled", "whatsapp lead none rule_not_found"])
        let delivery = try #require(deliveries(plan).first)
        #expect(deliveries(plan).count == 1 && delivery.dueAt == Self.now && delivery.origin == .workflow && !delivery.isDelayedStep)
        #expect(
            plan.decisions[0].deliveryIDs == [delivery.id] && plan.decisions[0].workflowVersion == 3
                && plan.decisions[0].stepID == delivery.stepID)
        #expect(try MailContent(json: delivery.content.json()).attachments == [Self.pdf])
    }

    @Test("case 20: both channels: two") func case20() {
        #expect(deliveries(plan([step(), step(DecisionTable.quoteSent, .whatsapp)])).map(\.endpoint.channel) == [.email, .whatsapp])
    }

    @Test("case 21: delays in minutes", arguments: [5, 525_600]) func case21(minutes: Int) {
        let delivery = deliveries(plan([step(delay: minutes)])).first
        #expect(delivery?.dueAt == Self.now + .seconds(60 * minutes) && delivery?.isDelayedStep == true)
    }

    @Test("case 22: no mail rule: exactly one legacy mail") func case22() throws {
        for plan in [
            plan([]), plan([step()], source: .organizationDefault),
            plan([step(DecisionTable.quoteSent, .email, .partner, recipients: RecipientConfig())]),
        ] {
            #expect(answers(plan).first == "email lead legacy rule_not_found")
            #expect(deliveries(plan).map(\.origin) == [.legacy])
        }
        let content = try MailContent(json: try #require(deliveries(plan([])).first).content.json())
        #expect(content.subject == "Legacy 7")
        #expect(answers(plan([], isLegacyEnabled: false)) == ["email lead none rule_not_found", "whatsapp lead none rule_not_found"])
    }

    @Test("case 23: disabled: no mail") func case23() {
        let plan = plan([step(enabled: false)])
        #expect(answers(plan).first == "email lead suppressed rule_disabled" && plan.messages.isEmpty)
    }

    @Test("case 27: accepted by WhatsApp only with a rule") func case27() {
        let trigger = DecisionTable.quoteAccepted
        #expect(
            answers(plan([], trigger: trigger)) == [
                "email lead legacy rule_not_found", "whatsapp lead none rule_not_found", "email partner legacy rule_not_found",
            ])
        let with = plan([step(trigger, .whatsapp)], trigger: trigger)
        #expect(deliveries(with).filter { $0.endpoint.channel == .whatsapp }.count == 1)
        #expect(deliveries(with).filter { $0.origin == .legacy }.map(\.endpoint.address) == ["jan@x.nl", "anna@x.nl"])
    }

    @Test("case 28: rejected: nothing without rules, two when enabled, held back when disabled") func case28() {
        let trigger = DecisionTable.quoteRejected
        #expect(answers(plan([], trigger: trigger)) == ["email lead none rule_not_found", "whatsapp lead none rule_not_found"])
        #expect(deliveries(plan([step(trigger), step(trigger, .whatsapp)], trigger: trigger)).count == 2)
        let disabled = plan([step(trigger, enabled: false), step(trigger, .whatsapp, enabled: false)], trigger: trigger)
        #expect(
            answers(disabled) == ["email lead suppressed rule_disabled", "whatsapp lead suppressed rule_disabled"]
                && disabled.messages.isEmpty)
    }

    @Test("case 29: blank addresses are missing", arguments: [nil, "", " \n"] as [String?]) func case29(email: String?) {
        #expect(answers(plan([step()], email: email)).first == "email lead none missing_email")
        #expect(answers(plan([], email: email)).first == "email lead none missing_email")
        #expect(answers(plan([step(DecisionTable.quoteSent, .whatsapp)], phone: email)).last == "whatsapp lead none missing_phone")
        #expect(answers(plan([step(DecisionTable.quoteSent, .webhook, .custom)])).last == "webhook custom none missing_endpoint")
        #expect(answers(plan([step()], email: "not an address")).first == "email lead none invalid_address")
    }

    @Test("case 30: opted out at planning") func case30() {
        let plan = plan([step(DecisionTable.quoteSent, .whatsapp)], isOptedIn: false)
        #expect(answers(plan).last == "whatsapp lead suppressed opted_out" && deliveries(plan).allSatisfy { $0.endpoint.channel == .email })
        #expect(answers(self.plan([step()], isOptedIn: false)).first == "email lead enqueued rule_enabled")
    }

    @Test("case 30: who opted out is not reached by another step either, and others are") func optedOutRecipients() {
        let lead = RecipientConfig(includeLeadContact: true)
        let both = RecipientConfig(includeLeadContact: true, customPhones: ["+31687654321", " 06 1234 5678 "])
        func whatsapp(_ audience: Audience, _ recipients: RecipientConfig) -> Plan {
            var step = step(DecisionTable.quoteSent, .whatsapp, audience)
            step.recipients = recipients
            return plan([step], phone: "+31612345678", isOptedIn: false)
        }
        for audience in [Audience.custom, .lead] {
            #expect(answers(whatsapp(audience, lead)).contains("whatsapp \(audience) suppressed opted_out"))
            let plan = whatsapp(audience, both)
            #expect(answers(plan).contains("whatsapp \(audience) enqueued rule_enabled"))
            let phones = deliveries(plan).filter { $0.endpoint.channel == .whatsapp }.map(\.endpoint.address)
            #expect(phones == ["+31687654321"], "however the lead's own is written")
        }
    }

    @Test("case 30: a suppressed endpoint at planning") func gated() {
        let plan = plan([step(), step(DecisionTable.quoteSent, .whatsapp)])
        var messages = plan.messages
        messages[0].deliveries[0].suppressed = .optedOut
        #expect(answers(plan.passing(messages)) == ["email lead suppressed opted_out", "whatsapp lead enqueued rule_enabled"])
        #expect(answers(plan.passing(plan.messages)) == answers(plan))
    }

    @Test("case 32: nothing to say") func case32() {
        for empty in [step(body: " \n"), step(subject: " {{lead.shoeSize}}"), step(body: "{{lead.shoeSize}}")] {
            #expect(answers(plan([empty])).first == "email lead suppressed empty_content")
        }
        #expect(
            answers(plan([step(DecisionTable.quoteSent, .whatsapp, body: "<p> <br></p>")])).last == "whatsapp lead suppressed empty_content"
        )
    }

    @Test("case 33: an unknown variable") func case33() {
        #expect(answers(plan([step(body: "{{foo.bar}}")])).first == "email lead legacy render_failed")
        #expect(answers(plan([step(body: "{{foo.bar}}")], isLegacyEnabled: false)).first == "email lead none render_failed")
        #expect(answers(plan([step(DecisionTable.quoteSent, .whatsapp, body: "{{foo.bar}}")])).last == "whatsapp lead none render_failed")
        #expect(deliveries(plan([step(body: "{{foo.bar}}"), step(order: 2, body: "{{foo.baz}}")])).map(\.origin) == [.legacy])
    }

    @Test("case 34: a cleared workflow") func case34() {
        let plan = plan([], source: .manualClear)
        #expect(
            answers(plan) == ["email lead suppressed workflow_cleared", "whatsapp lead suppressed workflow_cleared"]
                && plan.messages.isEmpty)
        #expect(answers(self.plan([], trigger: "lead_welcome", source: .manualClear)) == ["- - suppressed workflow_cleared"])
    }

    @Test("case 35: two steps of one place, in order") func case35() throws {
        let plan = plan([step(order: 2, delay: 60, subject: "second"), step(order: 1, subject: "first"), step(order: 3, enabled: false)])
        let subjects = try deliveries(plan).map { try MailContent(json: $0.content.json()).subject }
        #expect(subjects == ["first", "second"] && deliveries(plan).map(\.isDelayedStep) == [false, true])
    }

    @Test func aRecipientThatMayNotBeReachedKeepsTheOthersFromNothing() {
        func hooks(_ urls: [String]) -> Plan {
            plan([step(DecisionTable.quoteSent, .webhook, .custom, body: "{}", recipients: RecipientConfig(customEndpoints: urls))])
        }
        let some = hooks(["https://a.b/", "https://10.0.0.1/", "https://c.d/"])
        #expect(answers(some).last == "webhook custom enqueued rule_enabled")
        let told = deliveries(some).filter { $0.endpoint.channel == .webhook }
        #expect(told.map(\.endpoint.address) == ["https://a.b/", "https://c.d/"])
        #expect(some.decisions.last?.deliveryIDs == told.map(\.id))
        #expect(answers(hooks(["https://10.0.0.1/"])).last == "webhook custom none invalid_address")
    }

    @Test("case 37: and further channels, other triggers, recipients once each") func further() {
        let urls = RecipientConfig(customEndpoints: ["https://a.b/", "https://A.b/"])
        let hooked = plan([step(DecisionTable.quoteSent, .webhook, .custom, body: "{}", recipients: urls)])
        #expect(answers(hooked).last == "webhook custom enqueued rule_enabled")
        #expect(deliveries(hooked).map(\.endpoint.channel) == [.email, .webhook])
        #expect(answers(plan([step("Quote_Sent")])).first == "email lead legacy rule_not_found")
        #expect(answers(plan([], trigger: "lead_welcome")) == ["- - none rule_not_found"])
        let many = step(
            recipients: RecipientConfig(includeLeadContact: true, includePartner: true, customEmails: [" JAN@x.nl", "", "b@x.nl"]))
        #expect(deliveries(plan([many])).map(\.endpoint.address) == ["jan@x.nl", "anna@x.nl", "b@x.nl"])
        let bare = Planner(factory: DeliveryFactory(channels: Channels([])))
        #expect(answers(plan([step()], planner: bare)).first == "email lead none channel_not_configured")
    }
}
