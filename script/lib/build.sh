# shellcheck shell=bash
# How the package is built. Sourced after common.sh.

# An import of a target that the manifest does not declare is an error. Lint and test build with the same
# flags, so that the second of the two finds everything built.
build_flags=(--explicit-target-dependency-import-check error)

# Builds the product and all tests, for debugging.
build_debug() {
    say "building (debug)"
    swift build --build-tests "${build_flags[@]}" >&2
}

# Builds the product alone, optimised.
build_release() {
    say "building (release)"
    swift build -c release --product tocsin "${build_flags[@]}" >&2
}

# Prints the path of the built command; the argument is debug or release.
binary() {
    printf '%s/tocsin\n' "$(swift build -c "$1" --show-bin-path "${build_flags[@]}")"
}
