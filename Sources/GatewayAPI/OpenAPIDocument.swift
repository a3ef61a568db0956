/// The document that tells programs of every call (OpenAPI 3.1).
public enum OpenAPIDocument {
    /// YAML in UTF-8.
    public static var bytes: [UInt8] { PackageResources.openapi_yaml }
}
