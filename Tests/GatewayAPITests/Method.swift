import HTTPTypes

/// A call's method; the adapters' kit has requests of its own.
typealias Method = HTTPRequest.Method
