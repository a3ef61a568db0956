/// Recipients that make the SMTP simulator misbehave without a script, by a word in their local part.
///
/// | Local part contains | At RCPT |
/// | --- | --- |
/// | `bounce` | 550 5.1.1, always |
/// | `greylist` | 451 4.7.1 the first time that the address is named, then accepted |
/// | `full` | 452 4.2.2, always |
/// | `slow` | accepted after `SMTPSimulator.Options.slowDelay` |
enum MagicRecipient: String, CaseIterable {
    case bounce, greylist, full, slow

    init?(_ address: String) {
        guard let kind = Self.allCases.first(where: { RecipientPattern.localPartContains($0.rawValue).matches(address) }) else {
            return nil
        }
        self = kind
    }
}
