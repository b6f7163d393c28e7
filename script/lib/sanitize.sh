# shellcheck shell=bash
# Builds and runs the tests, and the replicas they start, with a sanitizer. Sourced after common.sh and build.sh.

# Turns every later build of this run into one with the sanitizer, in a place of its own.
sanitize_with() {
    sanitizer_place=$root/.build/sanitize-$1
    sanitizer_reports=$sanitizer_place/findings
    build_flags+=(--sanitize "$1" --scratch-path "$sanitizer_place")
}

# Prints `NAME=options` for the runtime. The first report ends the process, so that what a test asks of it fails; the
# reports go to files, because what a replica prints is seen by nobody. Swift keeps what it made once: no leaks.
sanitizer_options() {
    local common=halt_on_error=1:exitcode=66:log_path=$sanitizer_reports/report
    case $1 in
        thread) printf 'TSAN_OPTIONS=%s:second_deadlock_stack=1\n' "$common" ;;
        address) printf 'ASAN_OPTIONS=%s:detect_leaks=0:detect_stack_use_after_return=0:quarantine_size_mb=16\n' "$common" ;;
    esac
}

# Makes the tests and the replicas heed the options. Replicas get no environment from the tests, hence the launcher.
# Sets TOCSIN_BIN.
use_sanitizer() {
    local options launcher=$sanitizer_place/tocsin preload=""
    options=$(sanitizer_options "$1")
    if [ "$1" = thread ]; then
        preload=$sanitizer_place/tsan_mutex.so
        clang -O1 -fPIC -shared -Wall -Werror -o "$preload" script/lib/tsan_mutex.c -ldl
    fi
    rm -rf "$sanitizer_reports"
    mkdir -p "$sanitizer_reports"
    # What a test has preloaded, a false clock say, stays; the launcher expands it.
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec env "%s" LD_PRELOAD="%s${LD_PRELOAD:+:$LD_PRELOAD}" "%s" "$@"\n' \
        "$options" "$preload" "$(binary debug)" >"$launcher"
    chmod 755 "$launcher"
    TOCSIN_BIN=$launcher
    # Tests that bound a replica's memory allow for it.
    TOCSIN_SANITIZER=$1
    export TOCSIN_BIN TOCSIN_SANITIZER "${options?}"
    [ -z "$preload" ] || export LD_PRELOAD="$preload"
}

# Shows what was reported and fails if that is anything.
show_sanitizer_reports() {
    local report found=0
    for report in "$sanitizer_reports"/*; do
        [ -f "$report" ] || continue
        found=$((found + 1))
        say "$report"
        head -n 60 "$report" >&2
    done
    printf '%d sanitizer reports\n' "$found"
    [ "$found" -eq 0 ]
}
