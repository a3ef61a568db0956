import ServiceLifecycle

/// Serves the calls; told to stop, it lets those under way end, and closes after a grace what clients still keep open.
struct Interface<Server: Service>: Service {
    let server: Server
    let connections: Connections
    let grace: Duration

    func run() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await server.run()
                return false
            }
            group.addTask {
                // Also thrown out of its wait when all of this is cancelled.
                do {
                    try await gracefulShutdown()
                    try await Task.sleep(for: grace)
                } catch {}
                connections.close()
                return true
            }
            let isCutOff = try await group.next() ?? false
            group.cancelAll()
            // How a server that is cut off ends says nothing.
            if isCutOff { _ = try? await group.next() }
        }
    }
}
