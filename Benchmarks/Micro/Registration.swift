import Benchmark
import Workloads

/// What the benchmark library calls, once for each process it starts.
let benchmarks: @Sendable () -> Void = {
    for workload in Workload.all { register(workload) }
}

private func register(_ workload: Workload) {
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock], warmupIterations: 3, maxDuration: .milliseconds(200), maxIterations: 10_000)
    Benchmark(workload.name, configuration: configuration) { benchmark in
        workload.prepare()
        benchmark.startMeasurement()
        workload.body()
        benchmark.stopMeasurement()
    }
}
