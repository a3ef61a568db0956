extension DefaultWorkflow {
    static let englishTexts: [DefaultText] = [
        DefaultText(
            trigger: "lead_welcome",
            chat: "Hi {{lead.firstName}}, thanks for your request! We will be in touch soon. {{org.name}}",
            subject: "Thank you for your request",
            mail: letter(
                "lead.firstName", "Thank you for your request. We have received it and will be in touch soon.",
                "You can see how things stand at any time: {{links.track}}")),
        DefaultText(
            trigger: "quote_sent",
            chat: "Hi {{lead.firstName}}, your quote {{quote.number}} is ready. Have a look: {{links.view}}\n{{org.name}}",
            subject: "Your quote {{quote.number}} from {{org.name}}",
            mail: letter(
                "lead.firstName", "Your quote {{quote.number}} is ready. View and accept it here:\n{{links.view}}",
                "Any questions? Just ask, we are happy to help.")),
        DefaultText(
            trigger: "quote_accepted",
            chat: "Great, {{lead.firstName}}! You accepted quote {{quote.number}}. Let us plan the work: {{links.scheduling}}",
            subject: "You accepted quote {{quote.number}}",
            mail: letter(
                "lead.firstName", "Thank you for your trust. We have received your acceptance of quote {{quote.number}}.",
                "Follow what happens next here:\n{{links.track}}")),
        DefaultText(
            trigger: "quote_accepted", audience: "partner",
            subject: "Quote {{quote.number}} was accepted by {{lead.name}}",
            mail: letter("partner.name", "Good news: {{lead.name}} accepted quote {{quote.number}}.", "Total: {{quote.totalFormatted}}")),
        DefaultText(
            trigger: "quote_rejected",
            chat: "Hi {{lead.firstName}}, a pity that quote {{quote.number}} is not what you wanted. Shall we change it? Let us know!",
            subject: "You declined quote {{quote.number}}",
            mail: letter(
                "lead.firstName", "We have received your answer to quote {{quote.number}}. A pity, but thank you for telling us.",
                "Is there something we can change? Let us know and we will gladly make a new proposal.")),
        DefaultText(
            trigger: "appointment_created",
            chat: "Hi {{lead.firstName}}, your appointment is set! {{appointment.date}} {{appointment.time}} {{appointment.location}}",
            subject: "Your appointment",
            mail: letter("lead.firstName", "Your appointment is set.", appointmentLines)),
        DefaultText(
            trigger: "appointment_reminder",
            chat:
                "Hi {{lead.firstName}}, see you soon! Your appointment: {{appointment.date}} {{appointment.time}} {{appointment.location}}",
            subject: "A reminder of your appointment",
            mail: letter("lead.firstName", "We will see you soon. This is your appointment:", appointmentLines)),
        DefaultText(
            trigger: "partner_offer_created", audience: "partner",
            chat: "Hi {{partner.name}}, there is a new job for you: {{lead.serviceType}} {{lead.city}} {{offer.priceFormatted}}",
            subject: "There is a new job for you",
            mail: letter(
                "partner.name", "A new job is waiting for you.",
                "Service: {{lead.serviceType}}\nPlace: {{lead.city}}\nPrice: {{offer.priceFormatted}}")),
        DefaultText(
            trigger: "job_completed",
            chat: "Hi {{lead.firstName}}, the job is done! Happy with it? A review would help us a lot: {{org.reviewUrl}}",
            subject: "The job is done",
            mail: letter(
                "lead.firstName", "The work is finished. Thank you for choosing us.",
                "A short review helps us and others:\n{{org.reviewUrl}}")),
        DefaultText(
            trigger: "quote_question_asked", audience: "partner",
            chat: "Hi {{partner.name}}, {{lead.name}} has a question about quote {{quote.number}}: {{links.view}}",
            subject: "{{lead.name}} has a question about quote {{quote.number}}",
            mail: letter("partner.name", "{{lead.name}} asked a question about quote {{quote.number}}.", "See it here:\n{{links.view}}")),
        DefaultText(
            trigger: "quote_question_answered",
            chat: "Hi {{lead.firstName}}, we answered your question about quote {{quote.number}}: {{links.view}}",
            subject: "The answer to your question about quote {{quote.number}}",
            mail: letter(
                "lead.firstName", "We answered your question about quote {{quote.number}}.", "Read the answer here:\n{{links.view}}")),
    ]

    private static let appointmentLines = "Date: {{appointment.date}}\nTime: {{appointment.time}}\nPlace: {{appointment.location}}"

    private static func letter(_ name: String, _ paragraphs: String...) -> String {
        (["Dear {{\(name)}},"] + paragraphs + ["Kind regards,\n{{org.name}}"]).joined(separator: "\n\n")
    }
}
