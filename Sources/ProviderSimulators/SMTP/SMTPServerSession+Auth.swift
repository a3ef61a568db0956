import AdapterKit

/// Where an AUTH exchange stands (RFC 4954; PLAIN: RFC 4616).
enum AuthExchange: Hashable {
    case plain
    case loginName
    case loginPassword(name: String)
}

extension SMTPServerSession {
    mutating func auth(_ argument: Substring) -> [Step] {
        guard offersAuth else { return [.send(SMTPAnswer(502, "5.5.1", "AUTH is not offered"))] }
        guard hasGreeted, !isAuthenticated, envelope == nil else { return [.send(SMTPAnswer(503, "5.5.1", "Not now"))] }
        let words = argument.split(separator: " ", maxSplits: 1)
        let exchange: AuthExchange
        switch words.first?.uppercased() {
        case "PLAIN": exchange = .plain
        case "LOGIN": exchange = .loginName
        default: return [.send(SMTPAnswer(504, "5.5.4", "Mechanism not recognized"))]
        }
        guard words.count == 2 else { return ask(exchange) }
        if exchange == .loginName { return authenticate(exchange, String(words[1])) }
        return scripted(.auth) { $0.authenticate(exchange, String(words[1])) }
    }

    private mutating func ask(_ exchange: AuthExchange) -> [Step] {
        expect(.authResponse(exchange))
        let challenge =
            switch exchange {
            case .plain: ""
            case .loginName: Base64.encode(Array("Username:".utf8))
            case .loginPassword: Base64.encode(Array("Password:".utf8))
            }
        return [.send(SMTPAnswer(334, nil, challenge))]
    }

    mutating func authenticate(_ exchange: AuthExchange, _ response: String) -> [Step] {
        guard response != "*" else { return [.send(SMTPAnswer(501, "5.7.0", "Authentication cancelled"))] }
        guard let bytes = Base64.decode(response) else { return [.send(SMTPAnswer(501, "5.5.2", "Not Base64"))] }
        switch exchange {
        case .loginName: return ask(.loginPassword(name: String(decoding: bytes, as: UTF8.self)))
        case .loginPassword(let name): return verify(name, String(decoding: bytes, as: UTF8.self))
        case .plain:
            let parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [.send(SMTPAnswer(501, "5.5.2", "Not a PLAIN response"))] }
            return verify(String(decoding: parts[1], as: UTF8.self), String(decoding: parts[2], as: UTF8.self))
        }
    }

    private mutating func verify(_ name: String, _ password: String) -> [Step] {
        guard options.credentials == SMTPSimulator.Credentials(username: name, password: password) else {
            return [.send(SMTPAnswer(535, "5.7.8", "Authentication failed"))]
        }
        isAuthenticated = true
        return [.send(SMTPAnswer(235, "2.7.0", "Authenticated"))]
    }
}
