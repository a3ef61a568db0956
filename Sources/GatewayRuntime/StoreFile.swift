import Foundation

/// The file of an embedded store, looked at from outside.
enum StoreFile {
    /// Why a store could not be opened at a path, as far as the file system tells; nil when nothing stands in its way.
    static func fault(at path: String) -> String? {
        let files = FileManager.default
        let parent = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        var isFolder: ObjCBool = false
        guard files.fileExists(atPath: parent, isDirectory: &isFolder) else { return "its folder \(parent) does not exist" }
        guard isFolder.boolValue else { return "\(parent) is not a folder" }
        // The store keeps its log, its lock and its socket beside the file.
        guard files.isWritableFile(atPath: parent) else { return "its folder \(parent) cannot be written" }
        guard files.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
        if isFolder.boolValue { return "\(path) is a folder" }
        return files.isReadableFile(atPath: path) && files.isWritableFile(atPath: path) ? nil : "\(path) cannot be read and written"
    }
}
