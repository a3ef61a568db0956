import ServiceLifecycle

/// Services that are told to stop at the same moment, so that what holds up one of them keeps no other at work.
struct Together: Service, CustomStringConvertible {
    struct EndedByItself: Error, CustomStringConvertible {
        let description: String
    }

    let services: [any Service]

    var description: String { "gateway" }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services {
                group.addTask {
                    try await service.run()
                    // The others do not do without it.
                    if !Task.isShuttingDownGracefully, !Task.isCancelled { throw EndedByItself(description: "\(service) ended by itself") }
                }
            }
            // Ends them all with the first error, which `waitForAll` would keep until they have ended.
            for try await _ in group {}
        }
    }
}
