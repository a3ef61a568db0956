import AdapterKit
import QuoteBridge
import Testing
import WorkflowEngine

@Suite struct LegacyTextTests {
    @Test(arguments: LegacyText.allCases, Language.allCases)
    func everyTextRenders(text: LegacyText, language: Language) throws {
        let known = VariableInput(
            lead: .init(name: "Jan"), organization: .init(name: "Dak BV"), quote: .init(number: "2026-7", totalCents: 125_000))
        for input in [known, VariableInput()] {
            guard case .content(let content) = ContentRenderer.render(text.templates(in: language), with: TemplateVariables(input)) else {
                Issue.record("\(text) does not render")
                continue
            }
            let json = try content.json()
            #expect(json["subject"]?.stringValue?.contains(input.quote.number ?? "") == true)
            #expect(json["text"]?.stringValue?.contains("{{") == false)
        }
    }

    @Test func documentNamesAreSafe() {
        #expect(LegacyText.documentName(quoteNumber: "2026-7") == "offerte-2026-7.pdf")
        #expect(LegacyText.documentName(quoteNumber: "a/b\"\r\nc") == "offerte-a-b--c.pdf")
    }
}
