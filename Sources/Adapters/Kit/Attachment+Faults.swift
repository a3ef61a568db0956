extension Attachment {
    /// What of its name and type would break out of the header that it stands in, or means nothing there.
    public func faults(path: String) -> [Fault] {
        var faults: [Fault] = []
        if let reason = Self.fault(ofName: filename) { faults.append(Fault(path + ".filename", reason)) }
        if let reason = Self.fault(ofType: contentType) { faults.append(Fault(path + ".contentType", reason)) }
        return faults
    }

    static func fault(ofName name: String) -> String? {
        if hasControls(name) { return controls }
        return name.contains { $0 == "/" || $0 == "\\" } ? "must be a name without a folder" : nil
    }

    /// Why a text is no media type of a file (RFC 2045, section 5.1).
    static func fault(ofType text: String) -> String? {
        if hasControls(text) { return controls }
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map { $0.drop(while: { $0 == " " }) }
        let names = (parts.first ?? "").split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2, names.allSatisfy(isToken) else { return "must be a media type such as application/pdf" }
        // Base64 is forbidden for these (RFC 2046, sections 5.1 and 5.2.1), and nothing else is clean of eight-bit lines for sure.
        guard !["multipart", "message"].contains(names[0].lowercased()) else { return "may not be a multipart or message type" }
        guard parts.dropFirst().allSatisfy(isParameter), text.utf8.count <= 255 else { return "has a parameter that is not name=value" }
        return nil
    }

    private static let controls = "may not hold line breaks or control characters"

    private static func hasControls(_ text: String) -> Bool { text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }

    private static func isParameter(_ text: Substring) -> Bool {
        guard let equals = text.firstIndex(of: "="), isToken(text[..<equals]) else { return false }
        let value = text[text.index(after: equals)...]
        if isToken(value) { return true }
        return value.count >= 2 && value.first == "\"" && value.last == "\""
            && value.dropFirst().dropLast().unicodeScalars.allSatisfy { $0.isASCII && $0 != "\"" && $0 != "\\" }
    }

    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && $0.value > 0x20 && $0.value < 0x7F && !"()<>@,;:\\\"/[]?=".unicodeScalars.contains($0)
            }
    }
}
