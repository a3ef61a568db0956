import AdapterKit
public import WorkflowEngine

/// The mails that go out for a quote when no workflow speaks for it.
public enum LegacyText: String, Hashable, Sendable, CaseIterable {
    /// To the customer: here is the quote.
    case proposal
    /// To the customer: thank you, the quote is attached.
    case thanksWithDocument
    /// To the customer: thank you.
    case thanks
    /// To the agent: the customer accepted.
    case agent

    /// Subject and body; Dutch for languages without texts of their own.
    public func templates(in language: Language) -> ContentTemplates {
        let text = language == .english ? english : dutch
        return ContentTemplates(form: .mail, subject: text.subject, body: text.body)
    }

    /// The name under which a quote's document goes along.
    public static func documentName(quoteNumber: String) -> String {
        // The number becomes part of a header: what could end it, or name a folder, gives way to a dash.
        let safe = quoteNumber.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "-" }
        return "offerte-\(String(safe)).pdf"
    }

    private var dutch: (subject: String, body: String) {
        switch self {
        case .proposal:
            (
                "Offerte {{quote.number}} van {{org.name}}",
                """
                Beste {{lead.name}},

                Hierbij ontvangt u offerte {{quote.number}}. U kunt de offerte hier bekijken en accepteren:
                {{links.view}}

                Heeft u vragen? Wij helpen u graag.

                Met vriendelijke groet,
                {{org.name}}
                """
            )
        case .thanksWithDocument:
            (
                "Bevestiging van offerte {{quote.number}}",
                """
                Beste {{lead.name}},

                Hartelijk dank voor uw akkoord op offerte {{quote.number}}. De offerte vindt u als bijlage bij deze e-mail.

                Wij nemen contact met u op over het vervolg.

                Met vriendelijke groet,
                {{org.name}}
                """
            )
        case .thanks:
            (
                "Bevestiging van offerte {{quote.number}}",
                """
                Beste {{lead.name}},

                Hartelijk dank voor uw akkoord op offerte {{quote.number}}. Wij nemen contact met u op over het vervolg.

                Met vriendelijke groet,
                {{org.name}}
                """
            )
        case .agent:
            (
                "Offerte {{quote.number}} is geaccepteerd",
                """
                Beste {{agent.name}},

                {{lead.name}} heeft offerte {{quote.number}} geaccepteerd.

                Klant: {{lead.name}}
                Totaal: {{quote.totalFormatted}}

                Met vriendelijke groet,
                {{org.name}}
                """
            )
        }
    }

    private var english: (subject: String, body: String) {
        switch self {
        case .proposal:
            (
                "Quote {{quote.number}} from {{org.name}}",
                """
                Dear {{lead.name}},

                Here is your quote {{quote.number}}. You can view and accept it here:
                {{links.view}}

                Do you have any questions? We are happy to help.

                Kind regards,
                {{org.name}}
                """
            )
        case .thanksWithDocument:
            (
                "Confirmation of quote {{quote.number}}",
                """
                Dear {{lead.name}},

                Thank you for accepting quote {{quote.number}}. You will find it attached to this e-mail.

                We will contact you about the next steps.

                Kind regards,
                {{org.name}}
                """
            )
        case .thanks:
            (
                "Confirmation of quote {{quote.number}}",
                """
                Dear {{lead.name}},

                Thank you for accepting quote {{quote.number}}. We will contact you about the next steps.

                Kind regards,
                {{org.name}}
                """
            )
        case .agent:
            (
                "Quote {{quote.number}} was accepted",
                """
                Dear {{agent.name}},

                {{lead.name}} accepted quote {{quote.number}}.

                Customer: {{lead.name}}
                Total: {{quote.totalFormatted}}

                Kind regards,
                {{org.name}}
                """
            )
        }
    }
}
