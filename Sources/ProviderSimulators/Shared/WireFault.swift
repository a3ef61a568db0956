/// What a server can do to a connection instead of answering on it.
public enum WireFault: Hashable, Sendable {
    /// Ends the connection in order (FIN).
    case close
    /// Breaks the connection off (RST).
    case reset
    /// Never answers; the connection stays until the peer or the simulator ends it.
    case hang
    /// Sends bytes that belong to no protocol, then ends the connection.
    case garbage

    /// What `garbage` sends: no digit where SMTP has its code, no version where HTTP has its own, a NUL and bytes that are not UTF-8.
    static let garbageBytes: [UInt8] = Array("?!~ ".utf8) + [0x00, 0xFF, 0xFE, 0x80] + Array(" ~!?\r\n\r\n".utf8)
}
