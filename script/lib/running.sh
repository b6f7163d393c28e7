# shellcheck shell=bash
# How steps are run, timed and told about. Sourced by script/test after common.sh, build.sh and steps.sh.

# A test that hangs has its own deadlines; beyond this the whole run of them hangs.
swift_minutes_max=60

is_step() { [ -n "${about[$1]:-}" ]; }

list_steps() {
    local tier step
    for tier in "${tier_names[@]}"; do
        printf '%s\n' "$tier"
        for step in ${tiers[$tier]//+/ }; do printf '  %-18s %s\n' "$step" "${about[$step]}"; done
    done
}

# Empties the folder of the reports and sets $reports.
start_reports() {
    reports=$1
    rm -rf "$reports"
    mkdir -p "$reports/logs"
}

# Runs steps in their order, those joined by + side by side. After a failed build nothing else can be told.
run_steps() {
    local group began=$SECONDS
    script/setup test
    find_swift
    keep_files_in_memory
    TOCSIN_BIN=$(binary debug)
    export TOCSIN_BIN
    for group in "$@"; do
        case $group in
            *+*) run_beside "${group//+/ }" ;;
            *) run_alone "$group" ;;
        esac
        if [ "$group" = build ] && [ "$(cat "$reports/build.status")" != 0 ]; then break; fi
    done
    printf '%s\n' "$((SECONDS - began))" >"$reports/whole.seconds"
}

run_alone() {
    say "$1: ${about[$1]:-}"
    # The pipe ends when the step does: what it leaves behind must not hold the run up.
    run_step "$1" > >(tee "$reports/$1.log") 2>&1
}

# Runs steps side by side; each is printed whole when it has ended, so that none is mixed with another.
run_beside() {
    local step pids=()
    for step in $1; do
        say "$step: ${about[$step]} (beside the others)"
        run_step "$step" >"$reports/$step.log" 2>&1 &
        pids+=("$!:$step")
    done
    for step in "${pids[@]}"; do
        wait "${step%%:*}" || true
        say "${step#*:}"
        cat "$reports/${step#*:}.log"
    done
}

# Runs a step in a shell of its own, where its first failing command ends it, and keeps its status and its seconds.
run_step() {
    local status=0 started=$SECONDS
    set +e
    (
        set -e
        "step_$1"
    )
    status=$?
    set -e
    printf '%s\n' "$status" >"$reports/$1.status"
    printf '%s\n' "$((SECONDS - started))" >"$reports/$1.seconds"
}

# Swift Testing only: without XCTest's empty run, the closing lines are those of the tests.
swift_tests() {
    local report=$1
    shift
    mkdir -p "$reports/logs/$report"
    TOCSIN_TEST_LOGS=$reports/logs/$report timeout --signal KILL "${swift_minutes_max}m" \
        swift test --skip-build --disable-xctest "${build_flags[@]}" --xunit-output "$reports/$report.xml" "$@"
}

python_tests() {
    local filter arguments=()
    for filter in "${filters[@]}"; do arguments+=(-k "$filter"); done
    TOCSIN_TEST_LOGS=$reports/logs/$1 .venv/bin/python -m pytest -p no:cacheprovider \
        --rootdir Tests --confcutdir Tests "$2" --junit-xml "$reports/$1.xml" "${arguments[@]}"
}

# The Swift tests, and the replicas they start, with a sanitizer, in a build folder of their own.
sanitized_tests() {
    local filter step=sanitize_$1 arguments=()
    for filter in "${filters[@]}"; do arguments+=(--filter "$filter"); done
    [ "${#arguments[@]}" -gt 0 ] || arguments=(--skip "$slow_tests")
    # shellcheck source=script/lib/sanitize.sh
    . script/lib/sanitize.sh
    sanitize_with "$1"
    build_debug
    use_sanitizer "$1"
    swift_tests "$step" "${arguments[@]}" || touch "$reports/$step.failed"
    show_sanitizer_reports
    [ ! -e "$reports/$step.failed" ]
}

# The Swift tests of the gate with coverage, of this process and of the replicas: .build/reports/coverage/lines.txt
# tells it file by file.
covered_tests() {
    # shellcheck source=script/lib/coverage.sh
    . script/lib/coverage.sh
    cover
    build_debug
    use_coverage
    swift_tests coverage --skip "$failure_tests" --skip "$slow_tests" || touch "$reports/coverage.failed"
    show_coverage
    [ ! -e "$reports/coverage.failed" ]
}

# Writes when and how long the steps of a tier last ran into docs/testing.md.
tell_times() {
    local names
    names=$(listed "${tiers[$1]}")
    # shellcheck disable=SC2086
    .venv/bin/python script/lib/times.py "$reports" docs/testing.md "$1" $names
}

listed() { printf '%s\n' "${1//+/ }"; }

# Says what came of each step and what to do about each failure, and fails if there is one.
finish_reports() {
    local names
    names=$(listed "$*")
    # shellcheck disable=SC2086
    .venv/bin/python script/lib/summary.py "$reports" $names | tee "$reports/summary.txt"
}
