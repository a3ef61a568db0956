import Foundation
import Synchronization

/// Ends the servers and removes their folders when this process ends, however it ends.
///
/// A shell that reads what it is to do from a pipe, and does it when the pipe closes.
public final class Undertaker: Sendable {
    public static let shared = Undertaker()

    private let pipe: Mutex<FileHandle?>

    private init() {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", Self.script]
        let input = Pipe()
        process.standardInput = input
        // Nobody is to wait for the end of an output that it keeps open.
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.currentDirectoryURL = URL(filePath: "/")
        do {
            try process.runWithAllSignals()
        } catch {
            preconditionFailure("there is no shell: \(error)")
        }
        pipe = Mutex(input.fileHandleForWriting)
    }

    public func ends(_ pid: Int32) { tell("kill \(pid)") }
    public func spares(_ pid: Int32) { tell("spare \(pid)") }
    public func removes(folder: String) { tell("remove \(folder)") }

    private func tell(_ line: String) { pipe.withLock { $0?.write(Data((line + "\n").utf8)) } }

    private static let script = """
        trap '' INT TERM HUP
        pids=' '
        folders=
        while read -r verb value; do
            case $verb in
                kill) pids="$pids$value " ;;
                spare) pids=$(printf '%s' "$pids" | sed "s/ $value / /") ;;
                remove) folders="$folders $value" ;;
            esac
        done
        for pid in $pids; do kill -TERM "$pid"; kill -QUIT "$pid"; done
        for pid in $pids; do
            tries=0
            while kill -0 "$pid" && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
            kill -KILL "$pid"
        done
        rm -rf $folders
        """
}
