# shellcheck shell=bash
# The steps that tests are run in, and the tiers that these belong to. Sourced by script/test after common.sh and
# build.sh. A step is a function step_NAME, which prints what it has to say, leaves an xUnit report named after it where
# it runs tests one by one, and fails when anything fails.

# Each test is in one step, and each step but those that build in one tier. Steps joined by + run side by side.
tier_names=(gate slow destructive coverage)
declare -A tiers=(
    [gate]="build lint+swift+browser+deployment+release chaos+allocations"
    [slow]="build swift_slow interop release autobahn instructions simulation fuzz sanitize_address sanitize_thread"
    [destructive]="build failures release chaos_long"
    [coverage]="coverage"
)
declare -A about=(
    [build]="one debug build, without warnings or undeclared imports, for all that can share it"
    [lint]="everything that can be checked without running the product"
    [swift]="rooms without I/O, the log on a real Redis, simulated worlds, contract, limits, commands, fuzz corpora"
    [browser]="the dashboard in Chromium"
    [deployment]="compose's HAProxy with three replicas, TLS by sslyze, the files of k8s/ and compose/"
    [chaos]="30 s of random faults from a seed, under load"
    [release]="the product, optimised"
    [allocations]="allocations of each step from bytes to bytes and of a whole replica: exact"
    [swift_slow]="conformance through nginx and HAProxy"
    [interop]="Python, Java, Go and watch through eight proxies, and what ends them"
    [autobahn]="the Autobahn TestSuite, all cases"
    [instructions]="instructions of each step from bytes to bytes"
    [simulation]="many more simulated worlds, of seeds never seen"
    [fuzz]="exploration: each target for a minute"
    [sanitize_address]="the Swift tests but swift_slow, and their replicas, with AddressSanitizer"
    [sanitize_thread]="the same with ThreadSanitizer"
    [failures]="each row of the failure table, storms and floods, Sentinel"
    [chaos_long]="ten minutes of random faults for each of two seeds"
    [filtered]="the Swift tests that were asked for"
    [coverage]="the Swift tests of the gate, with coverage of them and of the replicas they start"
)

# Of step_release.
release_binary=$root/.build/counts/release/tocsin

# Swift tests that are not for the gate: regular expressions over Target.Suite/function.
failure_tests='^FailureTests\.'
slow_tests='^ContractTests\.ProxyConformance'

step_build() { build_debug; }

step_lint() { script/lint --static; }

step_swift() { swift_tests swift --skip "$failure_tests" --skip "$slow_tests"; }
step_swift_slow() { swift_tests swift_slow --filter "$slow_tests"; }
step_failures() { swift_tests failures --filter "$failure_tests"; }
step_filtered() {
    local filter arguments=()
    for filter in "${filters[@]}"; do arguments+=(--filter "$filter"); done
    swift_tests filtered "${arguments[@]}"
}

step_browser() { python_tests browser Tests/Browser; }
step_deployment() { python_tests deployment Tests/Deployment; }

step_interop() {
    script/setup interop
    python_tests interop Tests/Interop
}

step_chaos() { script/chaos --seconds 30 --seed 1 --binary "$(binary debug)" --logs "$reports/logs/chaos"; }
step_chaos_long() {
    local seed
    for seed in 1 2; do
        script/chaos --seconds 600 --seed "$seed" --binary "$release_binary" --logs "$reports/logs/chaos-$seed"
    done
}

step_release() { script/microbench --build; }
step_allocations() { script/microbench --only allocations; }
step_instructions() { script/microbench --only instructions; }

step_autobahn() { script/autobahn --binary "$release_binary"; }
step_fuzz() { script/fuzz 60; }
step_simulation() {
    TOCSIN_SIMULATION_COUNT=2000 swift_tests simulation --filter '^SimulationTests\.'
}

step_sanitize_address() { sanitized_tests address; }
step_sanitize_thread() { sanitized_tests thread; }
step_coverage() { covered_tests; }
