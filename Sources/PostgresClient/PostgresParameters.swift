/// The values of a statement's parameters, in the server's binary form, one after another in one piece of memory.
struct PostgresParameters: Sendable {
    private struct Parameter: Sendable {
        var offset: Int
        /// `nil` for NULL.
        var length: Int32?
    }

    /// The numbers of the types.
    let types: [UInt32]
    private var parameters: [Parameter] = []
    private let bytes: [UInt8]

    init(_ values: [any PostgresValue]) {
        var buffer = PostgresBuffer()
        types = values.map { type(of: $0).postgresType.oid }
        parameters.reserveCapacity(values.count)
        for value in values {
            let offset = buffer.bytes.count
            if !value.isPostgresNull { value.write(to: &buffer) }
            guard let length = Int32(exactly: buffer.bytes.count - offset) else { preconditionFailure("a parameter of more than 2 GiB") }
            parameters.append(Parameter(offset: offset, length: value.isPostgresNull ? nil : length))
        }
        // A value of no bytes needs an address too, or it would be NULL.
        buffer.write(UInt8(0))
        bytes = buffer.bytes
    }

    /// Lends the values in the three arrays that libpq takes; all of them are in binary form.
    func withArrays<Result>(
        _ body: (
            _ count: Int32, _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
            _ formats: UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        let count = parameters.count
        guard count > 0 else { return body(0, nil, nil, nil) }
        return bytes.withUnsafeBytes { source in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                    for (index, parameter) in parameters.enumerated() {
                        let value = parameter.length.flatMap { _ in source.baseAddress.map { $0 + parameter.offset } }
                        values.initializeElement(at: index, to: value?.assumingMemoryBound(to: CChar.self))
                        numbers.initializeElement(at: index, to: parameter.length ?? 0)
                        numbers.initializeElement(at: count + index, to: 1)
                    }
                    return body(
                        Int32(count), values.baseAddress, numbers.baseAddress, numbers.baseAddress.map { UnsafePointer($0 + count) })
                }
            }
        }
    }
}
