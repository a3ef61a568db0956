import AdapterKit
import GatewayModel
import WorkflowEngine

/// The mails of before there were workflows, for the rows that have one.
enum LegacyPath {
    static func mails(trigger: String, files: [Attachment], number: String?, language: Language) -> [DecisionRow: LegacyMail] {
        var mails: [DecisionRow: LegacyMail] = [:]
        for row in DecisionTable.rows(of: trigger) where row.hasLegacyPath {
            switch (trigger, row.audience) {
            case (DecisionTable.quoteSent, _):
                mails[row] = LegacyMail(templates: LegacyText.proposal.templates(in: language), attachments: files)
            case (_, .partner): mails[row] = LegacyMail(templates: LegacyText.agent.templates(in: language))
            default:
                let document = files.first { $0.contentType.lowercased().hasPrefix("application/pdf") }.map {
                    Attachment(filename: LegacyText.documentName(quoteNumber: number ?? ""), contentType: $0.contentType, bytes: $0.bytes)
                }
                let text: LegacyText = document == nil ? .thanks : .thanksWithDocument
                mails[row] = LegacyMail(templates: text.templates(in: language), attachments: document.map { [$0] } ?? [])
            }
        }
        return mails
    }

    /// Whether an event says by itself everything that the mail of a row speaks of, and to whom it goes.
    static func isTold(_ row: DecisionRow, by fields: QuoteFields) -> Bool {
        switch row.audience {
        case .partner:
            ["quoteNumber", "consumerName", "agentName", "agentEmail"].allSatisfy { fields.text($0) != nil } && fields.totalCents != nil
        default: ["quoteNumber", "consumerName", "consumerEmail"].allSatisfy { fields.text($0) != nil }
        }
    }
}
