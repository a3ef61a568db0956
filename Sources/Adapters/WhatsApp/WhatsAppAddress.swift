import AdapterKit

/// Reads telephone numbers, and writes them as the Cloud API does: digits without a plus sign.
enum WhatsAppAddress {
    static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        guard let number = PhoneNumber.normalize(address) else {
            throw EndpointError("must be a telephone number, best with its country code")
        }
        return Endpoint(channel: .whatsapp, address: number)
    }

    static func digits(of endpoint: Endpoint) -> String { String(endpoint.address.drop { $0 == "+" }) }

    /// The endpoint of a number as callbacks give it; `nil` where they give none.
    static func endpoint(fromDigits digits: String?) -> Endpoint? {
        digits.flatMap { PhoneNumber.normalize("+" + $0) }.map { Endpoint(channel: .whatsapp, address: $0) }
    }
}
