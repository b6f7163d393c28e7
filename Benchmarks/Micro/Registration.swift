import Benchmark

/// What the benchmark library calls, once for each process it starts.
let benchmarks: @Sendable () -> Void = {
    for workload in ThreatWorkloads.all + WireWorkloads.all + DeliveryWorkloads.all {
        register(workload)
    }
}

private func register(_ workload: Workload) {
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .allocations, .steps], warmupIterations: 3, maxDuration: .milliseconds(200),
        maxIterations: 200)
    Benchmark(workload.name, configuration: configuration) { benchmark in
        workload.prepare()
        benchmark.startMeasurement()
        workload.body()
        benchmark.stopMeasurement()
        guard benchmark.currentIteration == configuration.warmupIterations else { return }
        // Once is enough: they are the same each time.
        workload.prepare()
        benchmark.measurement(.allocations, Counts.allocations(workload.body))
        workload.prepare()
        guard let instructions = Counts.instructions(workload.body) else {
            benchmark.error("instructions cannot be counted: this process may not trace its child (ptrace)")
            return
        }
        benchmark.measurement(.steps, instructions)
    }
}
