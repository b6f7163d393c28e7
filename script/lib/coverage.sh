# shellcheck shell=bash
# Builds and runs the tests, and the replicas they start, with coverage. Sourced after common.sh and build.sh.

# Turns every later build of this run into one with coverage, in a place of its own. The counters of a process lie in a
# file from its start on, because most replicas of tests are ended with SIGKILL.
cover() {
    coverage_place=$root/.build/coverage
    coverage_profiles=$coverage_place/profiles
    build_flags+=(
        --enable-code-coverage --scratch-path "$coverage_place" -Xswiftc -Xllvm -Xswiftc -runtime-counter-relocation
    )
}

# Makes the tests and the replicas write their counters. Replicas get no environment from the tests, hence the
# launcher. Sets TOCSIN_BIN.
use_coverage() {
    local launcher=$coverage_place/tocsin
    rm -rf "$coverage_profiles"
    mkdir -p "$coverage_profiles"
    printf '#!/bin/sh\nexec env LLVM_PROFILE_FILE="%s/replica-%%p%%c.profraw" "%s" "$@"\n' \
        "$coverage_profiles" "$(binary debug)" >"$launcher"
    chmod 755 "$launcher"
    TOCSIN_BIN=$launcher
    LLVM_PROFILE_FILE=$coverage_profiles/tests-%p%c.profraw
    export TOCSIN_BIN LLVM_PROFILE_FILE
}

# Writes lines.txt, and per file a page that shows which lines ran, into the reports; prints the sum of each room.
show_coverage() {
    local folder=$reports/coverage tests program tools
    mkdir -p "$folder"
    program=$(binary debug)
    # Those of the toolchain: others may not read its profiles.
    tools=$(dirname "$(readlink -f "$(command -v swift)")")
    tests=$(find "$(dirname "$program")" -maxdepth 1 -name '*.xctest' | head -n 1)
    find "$coverage_profiles" -name '*.profraw' -size +0 >"$coverage_place/profiles.txt"
    "$tools/llvm-profdata" merge --sparse --failure-mode=all --input-files="$coverage_place/profiles.txt" \
        -o "$coverage_place/all.profdata"
    "$tools/llvm-cov" export --format=lcov --instr-profile "$coverage_place/all.profdata" "$program" -object "$tests" \
        "$root/Sources" >"$folder/lcov.info"
    "$tools/llvm-cov" report --instr-profile "$coverage_place/all.profdata" "$program" -object "$tests" \
        --show-region-summary=false --show-branch-summary=false "$root/Sources" >"$folder/lines.txt"
    .venv/bin/python script/lib/rooms_covered.py "$folder/lcov.info" "$root/Sources"
}
