# shellcheck shell=bash
# What every script needs: the repository's root, messages, root rights, the Swift toolchain, room for files.
# Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit

# Says what happens next.
say() {
    printf '==> %s\n' "$*" >&2
}

# Ends the script with one line that says why.
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Runs a command with root's rights.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root or sudo for: $*"
    fi
}

# Puts the Swift toolchain on PATH; sudo resets PATH, so the usual places are looked at as well.
find_swift() {
    local place home
    command -v swift >/dev/null && return
    home=$HOME
    if [ -n "${SUDO_USER:-}" ]; then
        home=$(getent passwd "$SUDO_USER" | cut -d : -f 6)
    fi
    for place in /opt/swift/usr/bin /usr/share/swift/usr/bin "$home/.local/share/swiftly/bin"; do
        if [ -x "$place/swift" ]; then
            PATH=$place:$PATH
            return
        fi
    done
    die "no swift on PATH: install Swift 6.3 from https://www.swift.org/install/linux/"
}

# Puts the temporary files of tests into memory if 4 GiB are free there: Redis syncs its log at each write, and a disk
# that others keep busy would be what is tested. Programs must be allowed there, too: tests build a library.
keep_files_in_memory() {
    local free=0
    [ -z "${TMPDIR:-}" ] || return 0
    if awk '$2 == "/dev/shm" && $3 == "tmpfs" && $4 !~ /noexec/ { found = 1 } END { exit !found }' /proc/mounts; then
        free=$(df --output=avail -k /dev/shm | tail -n 1)
    fi
    if [ "$free" -ge $((4 << 20)) ] && [ -w /dev/shm ]; then
        export TMPDIR=/dev/shm
    else
        say "the temporary files of tests lie on a disk: /dev/shm has no 4 GiB free, or no programs may run there"
    fi
}
