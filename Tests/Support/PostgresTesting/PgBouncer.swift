import Foundation
import ProcessTesting

/// A PgBouncer in transaction mode: each transaction may get another session.
public final class PgBouncer: Sendable {
    private let process: LoggedProcess
    private let server: PostgresServer
    private let folder: String
    /// Only a part of the socket's name.
    private let port: Int

    /// - Parameter number: one that no other pooler of this server has.
    init(_ programs: ServerPrograms, number: Int, server: PostgresServer, user: String) async throws {
        self.server = server
        folder = programs.folder
        port = 6432 + number
        let users = try programs.write("\"\(user)\" \"\"\n", to: "pgbouncer-\(number).users")
        let configuration = try programs.write(
            """
            [databases]
            * = host=\(folder) port=\(server.port)
            [pgbouncer]
            pool_mode = transaction
            default_pool_size = 3
            max_client_conn = 200
            listen_addr =
            listen_port = \(port)
            unix_socket_dir = \(folder)
            auth_type = trust
            auth_file = \(users)
            """, to: "pgbouncer-\(number).ini")
        process = try programs.start("pgbouncer", [configuration])
        Undertaker.shared.ends(process.pid)
        guard await process.says("process up") else {
            Undertaker.shared.spares(process.pid)
            throw ServerPrograms.Failure(description: "PgBouncer ended: \(await process.result().output)")
        }
    }

    /// The URL of the same database through this pooler.
    public func url(_ url: String) -> String { server.url(url, socketFolder: folder, port: port) }

    public func stop() async {
        kill(process.pid, SIGINT)
        _ = await process.result()
        Undertaker.shared.spares(process.pid)
    }
}
