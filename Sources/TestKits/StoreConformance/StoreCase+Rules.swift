import AdapterKit
import GatewayModel

extension StoreCase {
    static var suppressions: [StoreCase] {
        [
            StoreCase("a suppression stands against its endpoint, for its organization, until it expires") { trial in
                var suppression = trial.suppression(.manual)
                suppression.expiresAt = trial.at(10)
                try expectEqual(try await trial.store.suppress(suppression, audit: nil), suppression, "it stands")
                func against(_ organization: OrganizationID, at now: Timestamp, _ address: String = "a@example.com") async throws
                    -> [Suppression]
                {
                    try await trial.store.suppressions(
                        of: [Endpoint(channel: .email, address: address)], organizationID: organization, at: now)
                }
                try expectEqual(try await against(.first, at: trial.at(9)), [suppression], "for that organization")
                try expectEqual(try await against(.second, at: trial.at(9)), [], "for no other")
                try expectEqual(try await against(.first, at: trial.at(10)), [], "until it expires")
                try expectEqual(try await against(.first, at: trial.at(9), "b@example.com"), [], "against no other address")
            },
            StoreCase("a later suppression replaces an earlier one of the same scope") { trial in
                _ = try await trial.store.suppress(trial.suppression(.manual), audit: nil)
                let later = try await trial.store.suppress(trial.suppression(.hardBounce), audit: nil)
                var other = trial.suppression(.unsubscribe)
                other.scope = .category(.marketing)
                _ = try await trial.store.suppress(other, audit: nil)
                let all = try await trial.store.suppressions(SuppressionQuery(organizationID: .first)).elements
                try expectEqual(Set(all.map(\.id)), [later.id, other.id], "one for each scope")
            },
            StoreCase("a complaint is never replaced") { trial in
                let complaint = try await trial.store.suppress(trial.suppression(.complaint), audit: nil)
                try expectEqual(try await trial.store.suppress(trial.suppression(.manual), audit: nil), complaint, "the complaint stands")
            },
            StoreCase("a suppression is lifted by its owner alone, with an audit entry") { trial in
                let suppression = try await trial.store.suppress(trial.suppression(.manual), audit: trial.audit("suppress"))
                try expectEqual(
                    try await trial.store.unsuppress(suppression.id, organizationID: .second, audit: trial.audit("x")), nil,
                    "not by another")
                try expectEqual(
                    try await trial.store.unsuppress(suppression.id, organizationID: .first, audit: trial.audit("lift")), suppression,
                    "by its owner")
                try expectEqual(try await trial.store.unsuppress(suppression.id, organizationID: .first, audit: nil), nil, "once")
                try expectEqual(
                    Set(try await trial.store.audit(AuditQuery(organizationID: .first)).elements.map(\.action)), ["suppress", "lift"],
                    "what happened is recorded, and nothing else")
            },
            StoreCase("suppression between planning and sending is seen") { trial in
                let delivery = try await trial.accept(trial.mail())
                let claimed = try await trial.claimOne()
                _ = try await trial.store.suppress(trial.suppression(.unsubscribe), audit: nil)
                let standing = try await trial.store.suppressions(of: [delivery.endpoint], organizationID: .first, at: trial.at(1))
                try expect(
                    standing.contains { $0.forbids(claimed.delivery.category, at: trial.at(1)) },
                    "whoever looks again before sending sees it")
            },
        ]
    }

    static var rules: [StoreCase] {
        [
            StoreCase("workflows and rules round-trip and raise their version") { trial in
                try expectEqual(
                    try await trial.store.workflowSet(.first), WorkflowSet(organizationID: .first, version: 0), "there is nothing at first")
                let workflow = trial.workflow("default")
                let rule = AssignmentRule(
                    id: .make(), workflowID: workflow.id, name: "web", priority: 7, leadSource: "web", leadServiceType: "roof",
                    pipelineStage: "new", createdAt: trial.start, updatedAt: trial.start)
                let written = try await trial.store.replaceWorkflows(
                    [workflow, trial.workflow("other")], rules: [rule], organizationID: .first, expecting: 0,
                    audit: trial.audit("workflows.replace"))
                let set = try require(written, "the version was as expected")
                try expectEqual(set.version, 1, "the version rises")
                try expectEqual(set.workflows.first, workflow, "the workflow reads back")
                try expectEqual(set.rules, [rule], "so does the rule")
                try expectEqual(try await trial.store.workflowSet(.first), set, "and they are kept")
                try expectEqual(try await trial.store.workflowSet(.second).workflows, [], "for that organization alone")
                try expectEqual(try await trial.store.audit(AuditQuery()).elements.count, 1, "with an audit entry")
            },
            StoreCase("workflows of another version are not overwritten") { trial in
                _ = try await trial.store.replaceWorkflows([], rules: [], organizationID: .first, expecting: nil, audit: nil)
                let refused = try await trial.store.replaceWorkflows(
                    [trial.workflow("x")], rules: [], organizationID: .first, expecting: 0, audit: trial.audit("x"))
                try expectEqual(refused, nil, "it is refused")
                try expectEqual(try await trial.store.workflowSet(.first).workflows, [], "nothing is written")
                try expectEqual(try await trial.store.audit(AuditQuery()).elements, [], "nothing is recorded")
            },
            StoreCase("an override is set, replaced and removed") { trial in
                let lead = try require(LeadID("l-1"), "a lead id")
                var override = LeadOverride(
                    leadID: lead, workflowID: .make(), mode: .manual, reason: "asked", createdAt: trial.start, updatedAt: trial.start)
                try await trial.store.setOverride(override, organizationID: .first, audit: nil)
                override.mode = .clear
                override.workflowID = nil
                try await trial.store.setOverride(override, organizationID: .first, audit: nil)
                try expectEqual(try await trial.store.override(lead, organizationID: .first), override, "the last one stands")
                try expectEqual(try await trial.store.override(lead, organizationID: .second), nil, "for its organization")
                try expect(try await trial.store.removeOverride(lead, organizationID: .first, audit: nil), "it is removed")
                try expect(!(try await trial.store.removeOverride(lead, organizationID: .first, audit: nil)), "once")
            },
            StoreCase("what is known of a lead is not forgotten") { trial in
                let id = try require(LeadID("l-1"), "a lead id")
                try await trial.store.setLead(Lead(id: id, source: "web", serviceType: "roof"), organizationID: .first, audit: nil)
                try await trial.store.setLead(Lead(id: id, source: "phone", pipelineStage: "new"), organizationID: .first, audit: nil)
                try expectEqual(
                    try await trial.store.lead(id, organizationID: .first),
                    Lead(id: id, source: "phone", serviceType: "roof", pipelineStage: "new"), "missing values leave known ones")
            },
            StoreCase("an organization is made and seeded once") { trial in
                let organization = Organization(id: .first, name: "First", locale: "de", createdAt: trial.start)
                let seed = WorkflowSeed(workflows: [trial.workflow("default")], rules: [])
                try expect(try await trial.store.createOrganization(organization, seed: seed, audit: nil), "it is made")
                try expectEqual(try await trial.store.organization(.first)?.wasSeeded, true, "and seeded")
                try expectEqual(try await trial.store.workflowSet(.first).workflows, seed.workflows, "with its workflows")
                let other = WorkflowSeed(workflows: [trial.workflow("other")], rules: [])
                try expect(!(try await trial.store.createOrganization(organization, seed: other, audit: nil)), "once")
                try expectEqual(try await trial.store.workflowSet(.first).workflows, seed.workflows, "and never again")
                try expectEqual(try await trial.store.organizations().map(\.id), [.first], "it is listed")
            },
            StoreCase("keys are found by their hash and revoked once") { trial in
                let key = APIKey(
                    id: .make(), organizationID: .first, name: "crm", role: .quotes, tokenHash: [1, 2, 3], createdAt: trial.start)
                try await trial.store.createKey(key, audit: trial.audit("keys.create"))
                try expectEqual(try await trial.store.key(tokenHash: [1, 2, 3]), key, "it is found")
                try expectEqual(try await trial.store.key(tokenHash: [1, 2]), nil, "by the whole hash")
                try expect(try await trial.store.revokeKey(key.id, at: trial.at(1), audit: nil), "it is revoked")
                try expect(!(try await trial.store.revokeKey(key.id, at: trial.at(2), audit: nil)), "once")
                try expectEqual(try await trial.store.keys().map(\.revokedAt), [trial.at(1)], "at that time")
            },
            StoreCase("audit entries are listed newest first, page by page") { trial in
                for second in 0..<5 as Range<Int64> {
                    let key = APIKey(id: .make(), name: "k", role: .operator, tokenHash: [UInt8(second)], createdAt: trial.start)
                    try await trial.store.createKey(key, audit: trial.audit("keys.create", at: second))
                }
                let first = try await trial.store.audit(AuditQuery(limit: 3))
                try expectEqual(first.elements.map(\.at), [trial.at(4), trial.at(3), trial.at(2)], "newest first")
                let rest = try await trial.store.audit(AuditQuery(limit: 3, after: first.next))
                try expectEqual(rest.elements.map(\.at), [trial.at(1), trial.at(0)], "then the rest")
                try expectEqual(rest.next, nil, "and no more")
                try expectEqual(rest.elements.first?.after, ["x": 1], "with what changed")
            },
        ]
    }
}

extension StoreTrial {
    fileprivate func suppression(_ reason: SuppressionReason) -> Suppression {
        Suppression(
            id: .make(), organizationID: .first, endpoint: Endpoint(channel: .email, address: "a@example.com"), scope: .organization,
            reason: reason, evidence: "550 5.1.1", actor: "system", createdAt: start)
    }

    fileprivate func audit(_ action: String, at seconds: Int64 = 0) -> AuditEntry {
        AuditEntry(
            id: .make(), at: at(seconds), organizationID: .first, actor: "cli", action: action, subject: "s", before: .null, after: ["x": 1]
        )
    }

    fileprivate func workflow(_ key: String) -> Workflow {
        Workflow(
            id: .make(), workflowKey: key, name: "Name", description: "Text", quoteValidDaysOverride: 14, quotePaymentDaysOverride: 7,
            steps: [
                Step(
                    id: .make(), trigger: "quote_sent", channel: .email, audience: .partner, stepOrder: 1, delayMinutes: 5,
                    recipients: RecipientConfig(includePartner: true, customEmails: ["x@example.com"]), templateSubject: "S",
                    templateBody: "B", orderPerQuote: true),
                Step(
                    id: .make(), trigger: "quote_sent", channel: .whatsapp, stepOrder: 2, enabled: false,
                    whatsappTemplate: ["name": "t", "language": "de", "components": []], stopOnReply: true),
            ], createdAt: start, updatedAt: start)
    }
}
