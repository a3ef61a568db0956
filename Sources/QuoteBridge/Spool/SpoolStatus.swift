public import AdapterKit
import Synchronization

/// How a spool stands, for probes and metrics.
public struct SpoolStatus: Hashable, Sendable {
    /// Events that wait for the main store.
    public var held = 0
    /// Events taken since the start.
    public var taken = 0
    /// Events that the main store has since taken over.
    public var joined = 0
    /// Mails that were sent from here and from elsewhere too.
    public var duplicates = 0
    /// When the copy of what decides was last known to be right.
    public var mirroredAt: Timestamp?
}
