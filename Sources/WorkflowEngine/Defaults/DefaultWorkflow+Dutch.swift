extension DefaultWorkflow {
    static let dutchTexts: [DefaultText] = [
        DefaultText(
            trigger: "lead_welcome",
            chat: "Hoi {{lead.firstName}}, bedankt voor je aanvraag! We nemen snel contact met je op. Groet, {{org.name}}",
            subject: "Bedankt voor je aanvraag",
            mail: letter(
                "lead.firstName", "Bedankt voor je aanvraag. We hebben alles goed ontvangen en nemen snel contact met je op.",
                "Hier zie je op elk moment hoe het ervoor staat: {{links.track}}")),
        DefaultText(
            trigger: "quote_sent",
            chat: "Hoi {{lead.firstName}}, je offerte {{quote.number}} staat klaar. Bekijk hem hier: {{links.view}}\nGroet, {{org.name}}",
            subject: "Je offerte {{quote.number}} van {{org.name}}",
            mail: letter(
                "lead.firstName", "Je offerte {{quote.number}} staat voor je klaar. Bekijk en accepteer hem hier:\n{{links.view}}",
                "Heb je een vraag? Stel hem gerust, we denken graag mee.")),
        DefaultText(
            trigger: "quote_accepted",
            chat:
                "Top {{lead.firstName}}, je akkoord op offerte {{quote.number}} is binnen. Plan het hier in: {{links.scheduling}}",
            subject: "We hebben je akkoord op offerte {{quote.number}} ontvangen",
            mail: letter(
                "lead.firstName", "Bedankt voor je vertrouwen. Je akkoord op offerte {{quote.number}} is bij ons binnen.",
                "Hier volg je hoe het verdergaat:\n{{links.track}}")),
        DefaultText(
            trigger: "quote_accepted", audience: "partner",
            subject: "Offerte {{quote.number}} is geaccepteerd door {{lead.name}}",
            mail: letter(
                "partner.name", "Goed nieuws: {{lead.name}} heeft offerte {{quote.number}} geaccepteerd.",
                "Totaal: {{quote.totalFormatted}}")),
        DefaultText(
            trigger: "quote_rejected",
            chat: "Hoi {{lead.firstName}}, jammer dat offerte {{quote.number}} niet is wat je zocht. Iets aanpassen? Laat het ons weten!",
            subject: "Je hebt offerte {{quote.number}} afgewezen",
            mail: letter(
                "lead.firstName",
                "We hebben je afwijzing van offerte {{quote.number}} ontvangen. Jammer, maar bedankt voor het laten weten.",
                "Kunnen we iets aanpassen? Laat het ons weten, dan maken we graag een nieuw voorstel.")),
        DefaultText(
            trigger: "appointment_created",
            chat: "Hoi {{lead.firstName}}, je afspraak staat! {{appointment.date}} {{appointment.time}} {{appointment.location}}",
            subject: "Je afspraak is ingepland",
            mail: letter("lead.firstName", "Je afspraak is ingepland.", appointmentLines)),
        DefaultText(
            trigger: "appointment_reminder",
            chat: "Hoi {{lead.firstName}}, tot snel! Je afspraak: {{appointment.date}} {{appointment.time}} {{appointment.location}}",
            subject: "Herinnering aan je afspraak",
            mail: letter("lead.firstName", "We zien je binnenkort. Dit is je afspraak:", appointmentLines)),
        DefaultText(
            trigger: "partner_offer_created", audience: "partner",
            chat: "Hoi {{partner.name}}, er is een nieuwe opdracht voor je: {{lead.serviceType}} {{lead.city}} {{offer.priceFormatted}}",
            subject: "Er is een nieuwe opdracht voor je",
            mail: letter(
                "partner.name", "Er staat een nieuwe opdracht voor je klaar.",
                "Dienst: {{lead.serviceType}}\nPlaats: {{lead.city}}\nPrijs: {{offer.priceFormatted}}")),
        DefaultText(
            trigger: "job_completed",
            chat: "Hoi {{lead.firstName}}, de klus is klaar! Tevreden? Met een review help je ons enorm: {{org.reviewUrl}}",
            subject: "De klus is klaar",
            mail: letter(
                "lead.firstName", "De werkzaamheden zijn afgerond. Bedankt dat we voor je aan de slag mochten.",
                "Met een korte review help je ons en anderen:\n{{org.reviewUrl}}")),
        DefaultText(
            trigger: "quote_question_asked", audience: "partner",
            chat: "Hoi {{partner.name}}, {{lead.name}} heeft een vraag over offerte {{quote.number}}: {{links.view}}",
            subject: "{{lead.name}} heeft een vraag over offerte {{quote.number}}",
            mail: letter(
                "partner.name", "{{lead.name}} heeft een vraag gesteld over offerte {{quote.number}}.",
                "Bekijk de vraag hier:\n{{links.view}}")),
        DefaultText(
            trigger: "quote_question_answered",
            chat: "Hoi {{lead.firstName}}, we hebben je vraag over offerte {{quote.number}} beantwoord: {{links.view}}",
            subject: "Antwoord op je vraag over offerte {{quote.number}}",
            mail: letter(
                "lead.firstName", "We hebben je vraag over offerte {{quote.number}} beantwoord.", "Lees het antwoord hier:\n{{links.view}}")
        ),
    ]

    private static let appointmentLines = "Datum: {{appointment.date}}\nTijd: {{appointment.time}}\nPlaats: {{appointment.location}}"

    private static func letter(_ name: String, _ paragraphs: String...) -> String {
        (["Beste {{\(name)}},"] + paragraphs + ["Met vriendelijke groet,\n{{org.name}}"]).joined(separator: "\n\n")
    }
}
