// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds the product builds what only measuring needs.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "tocsin-benchmarks",
    dependencies: [.package(name: "tocsin", path: "..")],
    targets: [
        .target(name: "CCounters", path: "Counters"),
        // What is counted and timed.
        .target(
            name: "Workloads", dependencies: [.product(name: "TocsinRooms", package: "tocsin")], path: "Workloads",
            swiftSettings: strict),
        // The command is built along, with the same flags, for the counts of a whole replica (Allocations/).
        .executableTarget(
            name: "Counts",
            dependencies: ["CCounters", "Workloads", .product(name: "tocsin", package: "tocsin")],
            path: "Counts", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

// Times, for people: the library that takes them is fetched and built only for those who ask.
if Context.environment["TOCSIN_TIMES"] != nil {
    // Without traits: its counters need what not every machine has, and ours count the same.
    package.dependencies.append(.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []))
    package.targets.append(
        .executableTarget(
            name: "Micro",
            dependencies: ["Workloads", .product(name: "Benchmark", package: "benchmark")],
            path: "Micro", swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]))
}
