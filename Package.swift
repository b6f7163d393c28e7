// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")

// What tests see that look at processes from outside.
let clientSide: [Target.Dependency] = [
    "TocsinClient", "ThreatFeed", "HTTPProtocol", "WebSocketProtocol", "PosixIO", "Codecs",
]
let clusters: [Target.Dependency] = ["ClusterSupport", "Corpora", "FaultInjection", "TestSupport"] + clientSide

// Served as they are, from the binary (Sources/TocsinServer/Routes/DashboardAsset.swift).
let dashboardFiles = [
    "index.html", "style.css", "favicon.svg", "address.js", "app.js", "ask.js", "detail.js", "dom.js", "feed.js",
    "fill.js", "hold.js", "intake.js", "lag.js", "list.js", "notices.js", "panel.js", "pulse.js", "row.js",
    "sample.js", "state.js", "store.js", "tally.js", "wire.js", "words.js",
]

// A room may import only the rooms above it (docs/architecture.md).
let package = Package(
    name: "tocsin",
    products: [
        .executable(name: "tocsin", targets: ["tocsin"]),
        // For Benchmarks/, which is a package of its own.
        .library(
            name: "TocsinRooms",
            targets: [
                "WebSocketProtocol", "HTTPProtocol", "ThreatFeed", "PosixIO", "Codecs", "RedisLog", "Broadcast",
                "TocsinServer",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        // What Swift cannot import by itself.
        .target(name: "CPosix"),
        // No pkgConfig: hiredis asks for a flag that SwiftPM refuses, and needs none.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Protocols and the domain: no I/O, no imports of ours.
        .target(name: "WebSocketProtocol", swiftSettings: strict),
        .target(name: "HTTPProtocol", swiftSettings: strict),
        .target(name: "ThreatFeed", swiftSettings: strict),

        // The machine.
        .target(name: "PosixIO", dependencies: ["CPosix"], swiftSettings: strict),
        .target(name: "Codecs", dependencies: ["COpenSSL", "CZlib"], swiftSettings: strict),

        // The log and its broadcast.
        .target(
            name: "RedisLog", dependencies: ["CHiredis", "Codecs", "PosixIO", "ThreatFeed", deque],
            swiftSettings: strict),
        .target(name: "Broadcast", dependencies: ["PosixIO", "ThreatFeed", deque], swiftSettings: strict),

        // The product.
        .target(
            name: "TocsinServer",
            dependencies: [
                "WebSocketProtocol", "HTTPProtocol", "ThreatFeed", "PosixIO", "Codecs", "RedisLog", "Broadcast", deque,
                logging,
            ],
            resources: dashboardFiles.map { .embedInCode("Dashboard/\($0)") },
            swiftSettings: strict),
        .target(
            name: "TocsinClient",
            dependencies: ["WebSocketProtocol", "HTTPProtocol", "ThreatFeed", "PosixIO", "Codecs", histogram],
            swiftSettings: strict),
        .executableTarget(
            name: "tocsin",
            dependencies: [
                "TocsinServer", "TocsinClient", "ThreatFeed", "PosixIO", arguments, configuration,
            ],
            swiftSettings: strict),

        // Tables of inputs and what each must lead to, for the unit tests, for a real socket and for the fuzzers.
        .target(name: "Corpora", path: "Tests/Corpora", swiftSettings: strict),
        // What tests of several rooms need: certificates.
        .target(
            name: "TestSupport", dependencies: ["PosixIO", "TocsinClient"], path: "Tests/Support", swiftSettings: strict
        ),
        // Faults between real processes: a proxy that delays, drops, hangs and cuts; Sentinels, full disks, false clocks.
        .target(
            name: "FaultInjection", dependencies: ["PosixIO", "TocsinClient"], path: "Tests/FaultInjection",
            swiftSettings: strict),
        // Random faults from a seed under load (script/chaos).
        .executableTarget(
            name: "chaos",
            dependencies: ["Corpora", "FaultInjection", "TocsinClient", "ThreatFeed", "PosixIO", arguments],
            path: "Tests/Chaos", swiftSettings: strict),
        .testTarget(
            name: "WebSocketProtocolTests", dependencies: ["Corpora", "TestSupport", "WebSocketProtocol", "Codecs"],
            swiftSettings: strict),
        .testTarget(
            name: "HTTPProtocolTests", dependencies: ["Corpora", "TestSupport", "HTTPProtocol"],
            swiftSettings: strict),
        .testTarget(
            name: "ThreatFeedTests", dependencies: ["Corpora", "TestSupport", "ThreatFeed"], swiftSettings: strict),
        .testTarget(name: "PosixIOTests", dependencies: ["PosixIO"], swiftSettings: strict),
        .testTarget(
            name: "CodecsTests", dependencies: ["COpenSSL", "Codecs", "Corpora", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "RedisLogTests",
            dependencies: ["RedisLog", "Codecs", "PosixIO", "TestSupport", "ThreatFeed", "TocsinClient"],
            swiftSettings: strict),
        .testTarget(
            name: "BroadcastTests", dependencies: ["Broadcast", "PosixIO", "ThreatFeed"], swiftSettings: strict),
        .testTarget(
            name: "TocsinServerTests",
            dependencies: [
                "Corpora", "TestSupport", "TocsinServer", "Broadcast", "Codecs", "PosixIO", "RedisLog", "ThreatFeed",
                "WebSocketProtocol",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Corpora", "TestSupport", "RedisLog", "Broadcast", "ThreatFeed", "PosixIO", "TocsinClient"],
            swiftSettings: strict),
        .testTarget(name: "TocsinClientTests", dependencies: clientSide, swiftSettings: strict),
        .testTarget(
            name: "FaultInjectionTests", dependencies: ["ClusterSupport", "FaultInjection", "PosixIO", "TocsinClient"],
            swiftSettings: strict),

        // What tests that start whole clusters share.
        .target(
            name: "ClusterSupport", dependencies: ["Corpora", "TestSupport"] + clientSide, path: "Tests/ClusterSupport",
            swiftSettings: strict),
        .testTarget(name: "ContractTests", dependencies: clusters, swiftSettings: strict),
        .testTarget(name: "LimitTests", dependencies: clusters, swiftSettings: strict),
        .testTarget(name: "CommandTests", dependencies: clusters, swiftSettings: strict),
        .testTarget(name: "FailureTests", dependencies: clusters, swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

// One set of properties, built for one of two programs: the tests, which replay what is kept, or the fuzzers, whose
// program begins in libFuzzer and which only script/fuzz builds.
let fuzzed: [Target.Dependency] = [
    "Corpora", "WebSocketProtocol", "HTTPProtocol", "ThreatFeed", "Codecs", "RedisLog",
]
let fuzzInputs = ["corpus", "dictionaries", "findings"]
if Context.environment["TOCSIN_FUZZ"] == nil {
    package.targets.append(
        .testTarget(
            name: "FuzzReplayTests", dependencies: fuzzed, path: "Tests/Fuzz", exclude: fuzzInputs + ["Driver"],
            swiftSettings: strict))
} else {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: fuzzed, path: "Tests/Fuzz", exclude: fuzzInputs + ["Replay"],
            swiftSettings: strict))
}
