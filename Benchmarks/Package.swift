// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds the product fetches what only measuring needs.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "tocsin-benchmarks",
    dependencies: [
        .package(name: "tocsin", path: ".."),
        // Without traits: its counters of mallocs and of retains are replaced by Counters/.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []),
    ],
    targets: [
        .target(name: "CCounters", path: "Counters"),
        .executableTarget(
            name: "Micro",
            dependencies: [
                "CCounters",
                .product(name: "TocsinRooms", package: "tocsin"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Micro", swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ],
    swiftLanguageModes: [.v6]
)
