// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors where it counts: in CI, which sets the variable for its builds.
let strict = Context.environment["GATEWAYD_WARNINGS_AS_ERRORS"] == "1"

let package = Package(
    name: "gatewayd",
    products: [
        .executable(name: "gatewayd", targets: ["gatewayd"]),
        .library(name: "AdapterKit", targets: ["AdapterKit"]),
        .library(name: "AdapterContract", targets: ["AdapterContract"]),
        .library(name: "GatewayRuntime", targets: ["GatewayRuntime"]),
        .library(name: "QuoteBridge", targets: ["QuoteBridge"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // Layer 0: C libraries in their cages.
        .systemLibrary(name: "CCurl", path: "Sources/CLibraries/CCurl"),
        .systemLibrary(name: "CEventFD", path: "Sources/CLibraries/CEventFD"),
        .systemLibrary(name: "CHiredis", path: "Sources/CLibraries/CHiredis"),
        .systemLibrary(name: "CLibPQ", path: "Sources/CLibraries/CLibPQ"),
        .systemLibrary(name: "COpenSSL", path: "Sources/CLibraries/COpenSSL"),

        // Layer 1: the floor.
        .target(name: "AdapterKit", dependencies: [.log], path: "Sources/Adapters/Kit"),
        .target(name: "BlockingIO", dependencies: ["CEventFD"]),
        .target(name: "Signing", dependencies: ["COpenSSL"]),

        // Layer 2: adapters, transports, the model.
        .target(name: "EmailAdapter", dependencies: ["AdapterKit", "Signing", .log], path: "Sources/Adapters/Email"),
        .target(name: "WhatsAppAdapter", dependencies: ["AdapterKit", "Signing", .log], path: "Sources/Adapters/WhatsApp"),
        .target(name: "WebhookAdapter", dependencies: ["AdapterKit", "Signing", .log], path: "Sources/Adapters/Webhook"),
        .target(name: "CurlTransport", dependencies: ["AdapterKit", "BlockingIO", "CCurl", .log]),
        .target(name: "PostgresClient", dependencies: ["BlockingIO", "CLibPQ", .log, .deque]),
        .target(name: "SMTPTransport", dependencies: ["AdapterKit", .log, .nio, .nioPosix, .nioSSL, .deque]),
        .target(name: "GatewayModel", dependencies: ["AdapterKit"]),

        // Layer 3: the engine.
        .target(name: "GatewayCore", dependencies: ["AdapterKit", "GatewayModel", .log, .lifecycle, .deque]),

        // Layer 4: stores, and the rules.
        .target(
            name: "SQLiteStore", dependencies: ["AdapterKit", "GatewayModel", .log, .grdb, .grdbSQLite], path: "Sources/Stores/SQLite",
            resources: [.embedInCode("Migrations")]),
        .target(
            name: "PostgresStore", dependencies: ["AdapterKit", "GatewayModel", "PostgresClient", .log], path: "Sources/Stores/Postgres",
            resources: [.embedInCode("Migrations")]),
        .target(
            name: "RedisCoordination",
            dependencies: ["AdapterKit", "BlockingIO", "CHiredis", "GatewayModel", "GatewayCore", .log, .lifecycle, .deque]),
        .target(name: "WorkflowEngine", dependencies: ["AdapterKit", "GatewayModel", "GatewayCore"]),

        // Layer 5: the bridge, and the providers' stand-ins.
        .target(name: "QuoteBridge", dependencies: ["AdapterKit", "GatewayModel", "GatewayCore", "WorkflowEngine", "Signing", .log]),
        .target(name: "ProviderSimulators", dependencies: ["AdapterKit", "Signing", .log, .nio, .nioPosix, .nioHTTP1, .nioSSL]),

        // Layer 6: HTTP.
        .target(
            name: "GatewayAPI",
            dependencies: [
                "AdapterKit", "GatewayModel", "GatewayCore", "WorkflowEngine", "QuoteBridge", "Signing",
                .log, .nio, .nioHTTPTypes, .httpTypes, .hummingbird, .jwt, .lifecycle,
            ],
            resources: [.embedInCode("openapi.yaml"), .embedInCode("Console")]),

        // Layer 7 and 8: composition and commands.
        .target(
            name: "GatewayRuntime",
            dependencies: [
                "AdapterKit", "BlockingIO", "Signing", "CurlTransport", "SMTPTransport", "GatewayModel", "GatewayCore", "SQLiteStore",
                "PostgresStore", "RedisCoordination", "WorkflowEngine", "QuoteBridge", "GatewayAPI",
                .log, .lifecycle, .configuration, .yams, .hummingbird, .nio, .nioPosix,
            ]),
        .executableTarget(
            name: "gatewayd",
            dependencies: [
                "AdapterKit", "EmailAdapter", "WhatsAppAdapter", "WebhookAdapter", "Signing", "CurlTransport", "GatewayModel",
                "GatewayCore",
                "ProviderSimulators", "GatewayRuntime", .argumentParser, .log, .lifecycle, .unixSignals,
            ]),

        // For `make bench`.
        .executableTarget(
            name: "StoreBench", dependencies: ["AdapterKit", "GatewayModel", "GatewayCore", "PostgresStore", .log],
            path: "Benchmarks/StoreBench"),

        // Test kits.
        .target(name: "AdapterContract", dependencies: ["AdapterKit", .yams, .log], path: "Sources/TestKits/AdapterContract"),
        .target(name: "StoreConformance", dependencies: ["AdapterKit", "GatewayModel"], path: "Sources/TestKits/StoreConformance"),
        .target(
            name: "StoreBackends",
            dependencies: [
                "AdapterKit", "GatewayModel", "GatewayTestKit", "PostgresClient", "PostgresStore", "PostgresTesting", "SQLiteStore",
                "StoreConformance", .log, .grdb,
            ],
            path: "Sources/TestKits/StoreBackends"),
        .target(
            name: "GatewayTestKit", dependencies: ["AdapterKit", "GatewayModel", "GatewayCore"], path: "Sources/TestKits/GatewayTestKit"),
        .target(name: "ProcessTesting", path: "Tests/Support/ProcessTesting"),
        .target(name: "PostgresTesting", dependencies: ["ProcessTesting"], path: "Tests/Support/PostgresTesting"),
        .target(name: "RedisTesting", dependencies: ["ProcessTesting"], path: "Tests/Support/RedisTesting"),
        .target(name: "WireTestKit", dependencies: ["ProviderSimulators"], path: "Sources/TestKits/WireTestKit"),

        // Tests: one folder a target.
        .testTarget(name: "AdapterKitTests", dependencies: ["AdapterKit"]),
        .testTarget(name: "SigningTests", dependencies: ["Signing"]),
        .testTarget(
            name: "CurlTransportTests",
            dependencies: ["AdapterKit", "CurlTransport", "ProviderSimulators", "WireTestKit", .nio, .nioPosix, .nioSSL]),
        .testTarget(
            name: "SMTPTransportTests",
            dependencies: ["AdapterKit", "ProviderSimulators", "SMTPTransport", "WireTestKit", .log, .nio, .nioPosix, .nioSSL]),
        .testTarget(name: "PostgresClientTests", dependencies: ["PostgresClient", "PostgresTesting", .log]),
        .testTarget(
            name: "EmailAdapterTests", dependencies: ["AdapterKit", "AdapterContract", "EmailAdapter", "GatewayTestKit", "Signing", .log]),
        .testTarget(name: "WhatsAppAdapterTests", dependencies: ["AdapterKit", "AdapterContract", "WhatsAppAdapter", "Signing", .log]),
        .testTarget(name: "WebhookAdapterTests", dependencies: ["AdapterKit", "AdapterContract", "WebhookAdapter", "Signing", .log]),
        .testTarget(
            name: "AdapterContractTests",
            dependencies: ["AdapterKit", "AdapterContract", "EmailAdapter", "WhatsAppAdapter", "WebhookAdapter", .log]),
        .testTarget(
            name: "GatewayCoreTests",
            dependencies: [
                "AdapterKit", "GatewayModel", "GatewayCore", "GatewayTestKit", "StoreBackends", "StoreConformance", .log, .lifecycle,
            ]),
        .testTarget(
            name: "StoreConformanceTests",
            dependencies: [
                "AdapterKit", "GatewayModel", "GatewayTestKit", "PostgresClient", "PostgresStore", "Signing", "SQLiteStore",
                "StoreBackends",
                "StoreConformance", .log, .grdb,
            ]),
        .testTarget(
            name: "RedisCoordinationTests",
            dependencies: [
                "AdapterKit", "GatewayModel", "GatewayCore", "GatewayTestKit", "RedisCoordination", "RedisTesting", .log, .lifecycle,
            ]),
        .testTarget(
            name: "WorkflowEngineTests", dependencies: ["AdapterKit", "GatewayModel", "GatewayCore", "GatewayTestKit", "WorkflowEngine"]),
        .testTarget(
            name: "QuoteBridgeTests",
            dependencies: [
                "AdapterKit", "AdapterContract", "EmailAdapter", "WhatsAppAdapter", "WebhookAdapter", "GatewayModel", "GatewayCore",
                "GatewayTestKit", "SQLiteStore", "WorkflowEngine", "QuoteBridge", "Signing", .log,
            ]),
        .testTarget(
            name: "ProviderSimulatorsTests",
            dependencies: ["AdapterKit", "ProviderSimulators", "Signing", "WireTestKit", .log, .nio, .nioPosix, .nioHTTP1, .nioSSL]),
        .testTarget(
            name: "GatewayAPITests",
            dependencies: [
                "AdapterKit", "AdapterContract", "EmailAdapter", "WhatsAppAdapter", "WebhookAdapter", "GatewayModel", "GatewayCore",
                "GatewayTestKit", "StoreBackends", "SQLiteStore", "GatewayAPI", "QuoteBridge", "WorkflowEngine", "Signing", .log,
                .hummingbird, .hummingbirdTesting, .httpTypes, .jwt, .nio, .nioEmbedded, .nioHTTPTypes, .yams,
            ]),
        .testTarget(
            name: "GatewayRuntimeTests",
            dependencies: [
                "AdapterKit", "EmailAdapter", "WhatsAppAdapter", "WebhookAdapter", "GatewayModel", "GatewayCore", "GatewayTestKit",
                "QuoteBridge", "GatewayAPI", "GatewayRuntime", "PostgresStore", "StoreBackends", .log, .lifecycle,
            ]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "AdapterKit", "CurlTransport", "GatewayTestKit", "PostgresClient", "PostgresTesting", "ProviderSimulators", "RedisTesting",
                "Signing", "StoreBackends", "WireTestKit", "gatewayd", .log, .nio, .nioPosix, .nioHTTP1, .yams,
            ]),
    ]
)

extension Target.Dependency {
    static var argumentParser: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var configuration: Self { .product(name: "Configuration", package: "swift-configuration") }
    static var deque: Self { .product(name: "DequeModule", package: "swift-collections") }
    static var grdb: Self { .product(name: "GRDB", package: "GRDB.swift") }
    static var grdbSQLite: Self { .product(name: "GRDBSQLite", package: "GRDB.swift") }
    static var httpTypes: Self { .product(name: "HTTPTypes", package: "swift-http-types") }
    static var hummingbird: Self { .product(name: "Hummingbird", package: "hummingbird") }
    static var hummingbirdTesting: Self { .product(name: "HummingbirdTesting", package: "hummingbird") }
    static var jwt: Self { .product(name: "JWTKit", package: "jwt-kit") }
    static var lifecycle: Self { .product(name: "ServiceLifecycle", package: "swift-service-lifecycle") }
    static var log: Self { .product(name: "Logging", package: "swift-log") }
    static var nio: Self { .product(name: "NIOCore", package: "swift-nio") }
    static var nioEmbedded: Self { .product(name: "NIOEmbedded", package: "swift-nio") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var nioHTTPTypes: Self { .product(name: "NIOHTTPTypes", package: "swift-nio-extras") }
    static var nioPosix: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioSSL: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
    static var unixSignals: Self { .product(name: "UnixSignals", package: "swift-service-lifecycle") }
    static var yams: Self { .product(name: "Yams", package: "Yams") }
}

for target in package.targets where target.type != .system {
    var settings = target.swiftSettings ?? []
    settings.append(.swiftLanguageMode(.v6))
    settings.append(.enableUpcomingFeature("ExistentialAny"))
    settings.append(.enableUpcomingFeature("MemberImportVisibility"))
    settings.append(.enableUpcomingFeature("InternalImportsByDefault"))
    settings.append(.enableUpcomingFeature("NonisolatedNonsendingByDefault"))
    if strict { settings.append(.treatAllWarnings(as: .error)) }
    target.swiftSettings = settings
}
