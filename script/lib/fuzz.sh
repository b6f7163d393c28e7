# shellcheck shell=bash
# How the fuzzers are built, run and told about. Sourced after common.sh and build.sh.

fuzz_folder=$root/.build/fuzz
# Kept with the sources: for each target an archive of inputs that reach new code, each named by its SHA-1, and as files
# the findings, by name.
fuzz_archives=$root/Tests/Fuzz/corpus
fuzz_findings=$root/Tests/Fuzz/findings
# Where archives are unpacked, with the findings beside.
fuzz_corpus=$fuzz_folder/corpus
fuzz_targets=(frames messages handshake http-request http-response json threat query resp records)

# Longest input in bytes, memory in MiB and seconds for one input; what takes more is a finding.
fuzz_bounds=(-max_len=4096 -rss_limit_mb=1024 -timeout=10)

# The runtime of Swift keeps what it made once; the backtracer can hang on a crash that is wanted.
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8 SWIFT_BACKTRACE=enable=no

# Builds all targets into one program: optimised, with coverage and address sanitizer in our own code. Of several
# -sanitize flags only the last would count.
build_fuzzers() {
    local flags=(
        -c release --product Fuzz --scratch-path "$fuzz_folder/build" "${build_flags[@]}"
        -Xswiftc "-sanitize=fuzzer,address" -Xswiftc -enable-testing -Xswiftc -use-ld=lld
    )
    say "building the fuzzers"
    TOCSIN_FUZZ=1 swift build "${flags[@]}" >&2
    fuzzer=$(TOCSIN_FUZZ=1 swift build "${flags[@]}" --show-bin-path)/Fuzz
}

is_fuzz_target() {
    local target
    for target in "${fuzz_targets[@]}"; do
        [ "$target" != "$1" ] || return 0
    done
    return 1
}

# Prints the libFuzzer arguments that are a target's own: its dictionary, if it has one.
dictionary_of() {
    local words
    case $1 in
        frames | messages) words=frames ;;
        handshake) words=websocket ;;
        http-request | http-response) words=http ;;
        json | threat) words=json ;;
        resp | records) words=redis ;;
        *) words=$1 ;;
    esac
    printf -- '-dict=%s/Tests/Fuzz/dictionaries/%s\n' "$root" "$words"
}

# Unpacks what is kept for a target.
unpack_corpus() {
    local target=$1 place=$fuzz_corpus/$1
    rm -rf "$place"
    mkdir -p "$place"
    tar -xzf "$fuzz_archives/$target.tar.gz" -C "$place"
    if [ -d "$fuzz_findings/$target" ]; then cp "$fuzz_findings/$target"/* "$place/"; fi
}

# Writes a folder of inputs to a target's archive. The same inputs give the same bytes.
pack_corpus() {
    local target=$1 inputs=$2
    tar --create --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=0644 --directory "$inputs" \
        --verbatim-files-from --files-from <(find "$inputs" -type f -printf '%f\n' | LC_ALL=C sort) |
        gzip -9 --no-name >"$fuzz_archives/$target.tar.gz"
}

# Fuzzes one target for so many seconds and leaves a file `passed` if there is no finding. What it learns stays in
# .build/fuzz/.
fuzz_one() {
    local target=$1 seconds=$2 place=$fuzz_folder/$1
    rm -f "$place/passed"
    mkdir -p "$place/corpus" "$place/findings"
    unpack_corpus "$target"
    FUZZ_TARGET=$target "$fuzzer" "${fuzz_bounds[@]}" "$(dictionary_of "$target")" -max_total_time="$seconds" \
        -print_final_stats=1 -artifact_prefix="$place/findings/" "$place/corpus" "$fuzz_corpus/$target" \
        >"$place/log" 2>&1 || return 0
    # Without coverage it would be guessing, and find nothing for that reason.
    if ! grep -q ' cov: ' "$place/log"; then
        printf 'ERROR: the fuzzer is built without coverage\n' >>"$place/log"
        return 0
    fi
    touch "$place/passed"
}

# Prints a target's line of the table, from its log.
fuzz_figures() {
    local target=$1 verdict=$2
    awk -v target="$target" -v verdict="$verdict" '
        { for (field = 1; field < NF; field++) {
            if ($field == "cov:") edges = $(field + 1)
            if ($field == "ft:") features = $(field + 1)
            if ($field == "corp:") { inputs = $(field + 1); sub("/.*", "", inputs) }
        } }
        $1 == "stat::number_of_executed_units:" { executions = $2 }
        $1 == "stat::average_exec_per_sec:" { rate = $2 }
        END { printf "%-14s %11d %9d %7d %9d %7d  %s\n", target, executions, rate, edges, features, inputs, verdict }
    ' "$fuzz_folder/$target/log"
}

# Folds what earlier runs learnt, and the seeds in Tests/Fuzz/Seeds, into a target's archive: the fewest inputs with the
# same coverage. Findings stay beside it.
minimise() {
    local target=$1 place=$fuzz_folder/$1 fresh=$fuzz_folder/$1/minimised
    rm -rf "$fresh"
    mkdir -p "$fresh" "$place/corpus" "$place/findings"
    unpack_corpus "$target"
    FUZZ_TARGET=$target "$fuzzer" "${fuzz_bounds[@]}" -set_cover_merge=1 -artifact_prefix="$place/findings/" \
        "$fresh" "$fuzz_corpus/$target" "$fuzz_folder/seeds/$target" "$place/corpus" >"$place/log" 2>&1 ||
        die "$target: see $place/log"
    pack_corpus "$target" "$fresh"
}
