import ProviderSimulators

/// Walks a client through a mail transaction, phase by phase.
extension WireClient {
    static let body = "Message-ID: <1@example.nl>\r\nSubject: Hello\r\n\r\nHello\r\n..dot\r\n"

    /// A reply of any number of lines; the last is told by the blank after its code (RFC 5321, section 4.2.1).
    func reply() async throws -> [String] {
        var lines: [String] = []
        while true {
            let line = try await line()
            lines.append(line)
            if line.count < 4 || line[line.index(line.startIndex, offsetBy: 3)] != "-" { return lines }
        }
    }

    func ask(_ command: String) async throws -> String {
        try await send(command + "\r\n")
        return try await reply().last ?? ""
    }

    /// Sends what belongs to the phase, without waiting for its reply.
    func send(_ phase: SMTPRule.Phase, to recipient: String) async throws {
        switch phase {
        case .greeting: break
        case .ehlo: try await send("EHLO client.example\r\n")
        case .startTLS: try await send("STARTTLS\r\n")
        case .auth: try await send("AUTH PLAIN AHUAcA==\r\n")
        case .mail: try await send("MAIL FROM:<a@example.nl>\r\n")
        case .rcpt: try await send("RCPT TO:<\(recipient)>\r\n")
        case .data: try await send("DATA\r\n")
        case .body: try await send("Subject: H")
        case .finalDot: try await send("ello\r\n\r\nHello\r\n.\r\n")
        }
    }

    /// Goes through every phase before `phase`, and sends that one.
    func advance(to phase: SMTPRule.Phase, recipient: String = "b@example.nl") async throws {
        for step in SMTPRule.Phase.allCases {
            if step == .auth && phase != .auth || step == .startTLS && phase != .startTLS { continue }
            try await send(step, to: recipient)
            if step == phase { return }
            if step != .body { _ = try await reply() }
        }
    }

    /// One whole mail; the reply to its final dot.
    func mail(to recipients: [String] = ["b@example.nl"], body: String = body) async throws -> String {
        _ = try await ask("MAIL FROM:<a@example.nl>")
        for recipient in recipients { _ = try await ask("RCPT TO:<\(recipient)>") }
        guard try await ask("DATA").hasPrefix("354") else { return "no DATA" }
        try await send(body + ".\r\n")
        return try await reply().last ?? ""
    }

    /// A client that has been greeted.
    static func greeted(_ port: Int) async throws -> WireClient {
        let client = try await WireClient(port: port)
        try await client.advance(to: .ehlo)
        _ = try await client.reply()
        return client
    }
}
