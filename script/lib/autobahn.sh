# shellcheck shell=bash
# The Autobahn TestSuite and the server it tests. Sourced after common.sh, which sets root.

# Sets $python to a Python 2.7 that runs.
find_python2() {
    local candidate
    for candidate in "$(command -v python2.7 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
        # A pyenv shim is there for every version installed, and runs only the selected ones.
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
            python=$candidate
            return
        fi
    done
    die "needs a Python 2.7 as python2.7 on PATH or from pyenv: pyenv install 2.7.18"
}

# Brings .tools/autobahn/ to what the requirements files pin, and sets $wstest.
ensure_autobahn() {
    local place=$root/.tools/autobahn requirements=Tests/Autobahn/requirements.txt bootstrap=Tests/Autobahn/bootstrap.txt
    local wanted
    wstest=$place/bin/wstest
    wanted=$(cat "$requirements" "$bootstrap" | sha256sum | cut -d ' ' -f 1)
    if [ "$(cat "$place/.installed" 2>/dev/null)" = "$wanted" ] && "$place/bin/python" -c '' 2>/dev/null; then
        return
    fi
    find_python2
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null 2>&1 ||
        die "$python has no pip: use one from pyenv, pyenv install 2.7.18"

    say "installing the Autobahn TestSuite into .tools/autobahn"
    rm -rf "$place" "$place-bootstrap"
    "$python" -m pip install --quiet --disable-pip-version-check --target "$place-bootstrap" -r "$bootstrap" >&2
    PYTHONPATH=$place-bootstrap "$python" -m virtualenv --quiet --no-periodic-update "$place" >&2
    rm -rf "$place-bootstrap"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    printf '%s\n' "$wanted" >"$place/.installed"
}

# Starts the echo server on a free port and sets $echo_url: start_echo TOCSIN LOG
start_echo() {
    local attempt
    "$1" echo --port 0 >"$2" 2>&1 &
    echo_pid=$!
    for attempt in $(seq 100); do
        echo_url=$(sed -n 's|.* \(ws://[^ ]*\)$|\1|p' "$2")
        [ -z "$echo_url" ] || return 0
        kill -0 "$echo_pid" 2>/dev/null || break
        [ "$attempt" -eq 1 ] || sleep 0.1
    done
    stop_echo
    die "the echo server does not start: $(cat "$2")"
}

stop_echo() {
    kill "$echo_pid" 2>/dev/null || true
    wait "$echo_pid" 2>/dev/null || true
}
