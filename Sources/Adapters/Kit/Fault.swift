/// One thing that is wrong with what somebody gave us, and where.
public struct Fault: Error, Hashable, Sendable {
    /// A JSON path such as `workflows[1].steps[0].stepOrder`, or a configuration key.
    public var path: String
    /// A sentence for the person who can mend it; never the value when it may be personal or secret.
    public var message: String

    public init(_ path: String, _ message: String) {
        self.path = path
        self.message = message
    }
}

/// Every fault found in one input.
public struct Faults: Error, Hashable, Sendable {
    public var list: [Fault]
    public init(_ list: [Fault]) { self.list = list }
}
