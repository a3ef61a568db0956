/// Follows HTML as far as is needed to know where in it a value would stand.
///
/// The states are those of the HTML standard's tokenizer (section 13.2.5) that differ in what a value could do there.
struct HTMLPlace {
    private enum State {
        case text
        /// Behind `<` or inside a tag's name.
        case tagName
        /// Inside a tag, between or inside attribute names.
        case tag
        /// Behind an attribute's `=`.
        case beforeValue
        case quoted(UInt8)
        case unquoted
        case comment
        /// Inside an element whose content is no HTML.
        case raw
    }

    private var state = State.text
    private var tagName: [UInt8] = []
    private var attribute: [UInt8] = []
    /// The attribute's value, or the end of a comment or of raw text, so far.
    private var recent: [UInt8] = []
    private var hasValue = false

    mutating func read(_ text: String) {
        for byte in text.utf8 { read(byte) }
    }

    /// Goes past a value, which can end neither an attribute nor a tag.
    mutating func readValue() {
        hasValue = true
        if case .beforeValue = state { state = .unquoted }
    }

    /// How a value is to be written here; `nil` where nothing makes it safe.
    ///
    /// An attribute without quotes is such a place: an empty value there would swallow the attribute behind it.
    var escaping: Escaping? {
        switch state {
        case .text, .comment: .html
        case .quoted: attributeEscaping
        case .beforeValue, .unquoted, .tagName, .tag, .raw: nil
        }
    }

    private var attributeEscaping: Escaping? {
        let name = String(decoding: attribute, as: UTF8.self)
        if name.hasPrefix("on") || name == "srcdoc" { return nil }
        guard ["href", "src", "action", "formaction", "background", "poster", "cite", "data"].contains(name) else { return .html }
        if recent.isEmpty, !hasValue { return .htmlURL }
        let start = String(decoding: recent, as: UTF8.self).lowercased()
        if start == "mailto:" || start == "tel:" { return .html }
        return start.hasHarmlessScheme ? .htmlURLPart : nil
    }

    private mutating func read(_ byte: UInt8) {
        switch state {
        case .text:
            if byte == 0x3C {
                state = .tagName
                tagName = []
            }
        case .tagName: readTagName(byte)
        case .tag: readTag(byte)
        case .beforeValue:
            if isBlank(byte) { return }
            if byte == 0x22 || byte == 0x27 {
                state = .quoted(byte)
            } else if byte == 0x3E {
                closeTag()
            } else {
                state = .unquoted
                recent.append(byte)
            }
        case .quoted(let quote):
            if byte == quote { endAttribute() } else { recent.append(byte) }
        case .unquoted:
            if byte == 0x3E { closeTag() } else if isBlank(byte) { endAttribute() } else { recent.append(byte) }
        case .comment:
            recent = recent.suffix(2) + [byte]
            if recent == Array("-->".utf8) { state = .text }
        case .raw:
            recent = recent.suffix(tagName.count + 2) + [lowered(byte)]
            if recent == Array("</".utf8) + tagName + [0x3E] { state = .text }
        }
    }

    private mutating func readTagName(_ byte: UInt8) {
        switch byte {
        case 0x3E: closeTag()
        case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x2F, 0x21, 0x2D:
            if tagName.isEmpty, (0x30...0x39).contains(byte) || byte == 0x2D {
                state = .text
                return
            }
            tagName.append(lowered(byte))
            if tagName == Array("!--".utf8) {
                state = .comment
                recent = []
            }
        default:
            // `<` before anything but a letter, `/` or `!` is text.
            if tagName.isEmpty { state = byte == 0x3C ? .tagName : .text } else { endAttribute() }
        }
    }

    private mutating func readTag(_ byte: UInt8) {
        switch byte {
        case 0x3E: closeTag()
        case 0x3D:
            state = .beforeValue
            recent = []
            hasValue = false
        case 0x2F: attribute = []
        case _ where isBlank(byte): recent = [byte]
        default:
            // A blank may stand between a name and its `=`; a new name begins behind a blank.
            if !recent.isEmpty { attribute = [] }
            recent = []
            attribute.append(lowered(byte))
        }
    }

    private mutating func endAttribute() {
        state = .tag
        attribute = []
        recent = []
        hasValue = false
    }

    private mutating func closeTag() {
        endAttribute()
        state = ["script", "style", "xmp", "noscript"].contains(String(decoding: tagName, as: UTF8.self)) ? .raw : .text
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
private func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
