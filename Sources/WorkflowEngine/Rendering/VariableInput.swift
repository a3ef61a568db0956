public import AdapterKit

/// What is known about an event when its messages are rendered: the plain fields from which variables are built.
public struct VariableInput: Hashable, Sendable {
    public struct Lead: Hashable, Sendable {
        public var id: String?
        public var name: String?
        public var email: String?
        public var phone: String?
        public var address: String?
        public var street: String?
        public var houseNumber: String?
        public var zipCode: String?
        public var city: String?
        public var serviceType: String?
        public var source: String?

        public init(
            id: String? = nil, name: String? = nil, email: String? = nil, phone: String? = nil, address: String? = nil,
            street: String? = nil,
            houseNumber: String? = nil, zipCode: String? = nil, city: String? = nil, serviceType: String? = nil, source: String? = nil
        ) {
            self.id = id
            self.name = name
            self.email = email
            self.phone = phone
            self.address = address
            self.street = street
            self.houseNumber = houseNumber
            self.zipCode = zipCode
            self.city = city
            self.serviceType = serviceType
            self.source = source
        }
    }

    public struct Person: Hashable, Sendable {
        public var name: String?
        public var email: String?
        public var phone: String?

        public init(name: String? = nil, email: String? = nil, phone: String? = nil) {
            self.name = name
            self.email = email
            self.phone = phone
        }
    }

    public struct Organization: Hashable, Sendable {
        public var name: String?
        public var reviewURL: String?

        public init(name: String? = nil, reviewURL: String? = nil) {
            self.name = name
            self.reviewURL = reviewURL
        }
    }

    public struct Quote: Hashable, Sendable {
        public var id: String?
        public var number: String?
        public var totalCents: Int64?
        /// An ISO 4217 code; euro when it is left out.
        public var currency: String?
        public var publicToken: String?
        public var leadToken: String?
        public var reason: String?
        public var validUntil: Timestamp?

        public init(
            id: String? = nil, number: String? = nil, totalCents: Int64? = nil, currency: String? = nil, publicToken: String? = nil,
            leadToken: String? = nil, reason: String? = nil, validUntil: Timestamp? = nil
        ) {
            self.id = id
            self.number = number
            self.totalCents = totalCents
            self.currency = currency
            self.publicToken = publicToken
            self.leadToken = leadToken
            self.reason = reason
            self.validUntil = validUntil
        }
    }

    public var lead: Lead
    public var agent: Person
    /// The partner; the agent when it is left out, as for every quote trigger.
    public var partner: Person?
    public var organization: Organization
    public var quote: Quote
    /// A language tag such as `nl-NL`; Dutch when it is left out.
    public var locale: String?
    /// A name of the IANA time zone database; `Europe/Amsterdam` when it is left out.
    public var timeZone: String?
    /// Where customers look at quotes, with or without a slash at its end.
    public var publicBaseURL: String?
    /// Where the quote system serves its files.
    public var apiBaseURL: String?
    /// The event's own variables.
    public var variables: JSONValue

    public init(
        lead: Lead = Lead(), agent: Person = Person(), partner: Person? = nil, organization: Organization = Organization(),
        quote: Quote = Quote(), locale: String? = nil, timeZone: String? = nil, publicBaseURL: String? = nil, apiBaseURL: String? = nil,
        variables: JSONValue = .object([:])
    ) {
        self.lead = lead
        self.agent = agent
        self.partner = partner
        self.organization = organization
        self.quote = quote
        self.locale = locale
        self.timeZone = timeZone
        self.publicBaseURL = publicBaseURL
        self.apiBaseURL = apiBaseURL
        self.variables = variables
    }
}
