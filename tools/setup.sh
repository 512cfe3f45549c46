#!/bin/sh
# Make .venv when it is missing, and install the course in it:
#
#     sh tools/setup.sh lab|class|test
#
# `lab` installs what a learner needs, `class` what a server for a class needs, `test` adds
# everything.
# PYTHON=... chooses the Python that .venv is made with.
#
# .venv/ready-lab (ready-test) holds the checksum of the lists that were installed
# and the folder. While both still match, this script has nothing to do and ends at once.

set -u
cd "$(dirname "$0")/.." || exit 1

goal=$1
log=.venv-setup.log
lists=$(cat pyproject.toml constraints.txt | cksum)
wanted="$lists $PWD"
no_connection="ConnectionError|ConnectTimeout|ProxyError|[Nn]ame ?[Rr]esolution|[Tt]imed out"
no_connection="$no_connection|Connection refused|Network is unreachable|Max retries"
no_connection="$no_connection|requirement setuptools.*from versions: none"

explain() {  # one line per argument, set apart so that it is not overlooked
    echo
    echo "polylab could not be set up."
    for line in "$@"; do
        echo "  $line"
    done
    echo
} >&2

version() {  # the version of a Python, or nothing if it does not run
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null
}

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

ready() {
    [ "$(cat ".venv/ready-$1" 2>/dev/null)" = "$wanted" ] && recent_enough .venv/bin/python
}

usable() {
    recent_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1
}

moved() {  # an environment does not work any more once its folder has another name
    for stamp in .venv/ready-*; do
        [ -e "$stamp" ] && [ "$(cut -d' ' -f3- "$stamp")" != "$PWD" ] && return
    done
    return 1
}

choose_python() {  # sets $python, or explains why there is none
    old=
    for python in ${PYTHON:-python3 python python3.14 python3.13 python3.12 python3.11}; do
        found=$(version "$python") || continue
        recent_enough "$python" && return
        old="$old $python is $found."
    done
    if [ -n "${PYTHON:-}" ] && [ -z "$old" ]; then
        explain "PYTHON=$PYTHON was asked for, but there is no Python of that name that runs." \
            "Give the name or the full path of a Python 3.11 or newer."
    elif [ -n "$old" ]; then
        explain "The course needs Python 3.11 or newer, but$old" \
            "Install a newer Python (from python.org, or with your system's package manager)." \
            "If you have one under another name, say so:  make $goal PYTHON=python3.12"
    else
        explain "No Python was found. The course needs Python 3.11 or newer." \
            "Debian, Ubuntu:  sudo apt install python3 python3-venv" \
            "Elsewhere: install it from python.org, or with your system's package manager."
    fi
    return 1
}

room() {  # is there room for one more megabyte?
    head -c 1000000 /dev/zero >.venv-room 2>/dev/null
    found=$?
    rm -f .venv-room
    return "$found"
}

disk_is_full() {
    explain "The disk is full: the packages need about 2 GB (with CUDA about 8 GB)." \
        "Make room, then give the same command again."
}

# On Linux PyTorch comes with CUDA, which is of no use without an NVIDIA card. Where pip has been
# told of another build, as 2.13.0+cpu, it takes that: so pip is asked, which costs a second.
large_torch_in_vain() {
    [ "$(uname -sm)" = "Linux x86_64" ] || return 1
    for card in /dev/nvidiactl /dev/nvidia0 /dev/dxg /proc/driver/nvidia; do
        [ -e "$card" ] && return 1
    done
    command -v nvidia-smi >/dev/null && return 1
    torch=$(sed -n 's/^torch==//p' constraints.txt)
    offered=$(.venv/bin/python -m pip --retries 0 index versions torch 2>/dev/null |
        sed -n 's/^Available versions//p')
    case "$offered," in
        *" $torch+"*) return 1 ;;
        *" $torch,"*) return 0 ;;
        *) return 1 ;;
    esac
}

make_environment() {
    if ! [ -w . ]; then
        explain "This folder cannot be written to: $PWD" \
            "The course makes its environment in it. Copy the course to a folder of your own."
        return 1
    fi
    choose_python || return 1
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        short=$(version "$python" | cut -d. -f1,2)
        explain "Python $short is here, but without its venv module, which makes .venv." \
            "On Debian and Ubuntu:  sudo apt install python$short-venv" \
            "Elsewhere: install Python from python.org, which brings venv with it."
        return 1
    fi
    echo "Making .venv with Python $(version "$python")."
    if ! "$python" -m venv --clear .venv >"$log" 2>&1; then
        rm -rf .venv
        if grep -q 'No space left on device' "$log" || ! room; then
            disk_is_full
        else
            explain "Python could not make the folder .venv in $PWD." \
                "Python said:  $(tail -n 1 "$log")"
        fi
        return 1
    fi
    if large_torch_in_vain; then
        echo "There is no NVIDIA card here, but PyTorch for Linux comes with CUDA: about 2.8 GB to"
        echo "download and 5 GB on disk. A build ten times smaller does the same for the course."
        echo "To take it, press Control-C now and type"
        echo
        echo "    make $goal PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu"
        echo
    fi
}

why_pip_failed() {
    if grep -Eq 'No space left on device|not enough free space' "$log" || ! room; then
        disk_is_full
    elif grep -Eiq 'certificate.verify.failed|SSLError|SSLCertVerification' "$log"; then
        explain "The package index was reached, but its certificate was not accepted." \
            "Is the computer's clock right? A school or company network may need its own" \
            "certificate: ask for it, then  export PIP_CERT=/path/to/certificate.pem"
    elif grep -Eq "$no_connection" "$log"; then
        explain "There is no connection to the package index, so nothing could be downloaded." \
            "Is this computer online? Does a web page open?" \
            "Behind a proxy:  export HTTPS_PROXY=http://name-of-the-proxy:port" \
            "Then give the same command again."
    elif grep -q 'No matching distribution' "$log"; then
        explain "A package does not exist for Python $(version .venv/bin/python) on this system:" \
            "$(grep 'No matching distribution' "$log" | tail -n 1)" \
            "Python 3.11 to 3.14 are known to work:  make $goal PYTHON=python3.12"
    else
        explain "pip stopped before it was done. Its last words:" \
            "$(grep -E '^ *(ERROR|error)' "$log" | tail -n 1)" \
            "Is this computer online? Then give the same command again." \
            "If it stops again, the whole story is in the file $log."
    fi
}

# pip's temporary files lie beside the packages: /tmp may be small, or even in memory.
pip_install() {
    mkdir -p .venv/tmp
    TMPDIR=$PWD/.venv/tmp PIP_USER=0 .venv/bin/python -m pip install --disable-pip-version-check --no-input \
        --progress-bar off "$@" </dev/null 2>&1
}

install() {
    case $goal in
        lab) what=. ;;
        *) what=".[$goal]" ;;
    esac
    echo "Installing the packages. The first time this takes some minutes."
    # The file `unfinished` stays behind only if this script is killed here.
    touch .venv/unfinished
    {
        # setuptools comes first, because it builds the course's own package.
        pip_install "$(grep '^setuptools==' constraints.txt)" &&
            pip_install --constraint constraints.txt --no-build-isolation --editable "$what"
        echo "pip ended with $?"
    } | tee "$log" | while read -r line; do
        case $line in
            Downloading*[0-9][0-9].[0-9]" MB)"*) echo "  ${line#Downloading }" ;;
        esac
    done
    rm -rf .venv/unfinished .venv/tmp
    [ "$(tail -n 1 "$log")" = "pip ended with 0" ]
}

quiet_lab() {  # else JupyterLab asks every learner, at the first start, whether it may show news
    settings=.venv/share/jupyter/lab/settings
    mkdir -p "$settings"
    echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' \
        >"$settings/overrides.json"
}

case $goal in
    lab) includes="lab" ;;
    class) includes="lab class" ;;
    test) includes="lab class test" ;;
    *) echo "usage: sh tools/setup.sh lab|class|test" >&2; exit 2 ;;
esac

ready "$goal" && exit 0

new=
if [ -e .venv/unfinished ] || moved || ! usable; then
    rm -rf .venv
    new=yes
    trap 'rm -rf .venv; exit 130' HUP INT TERM
    make_environment || exit 1
fi
if ! install; then
    why_pip_failed
    # A new .venv without its packages would only be in the way.
    [ -n "$new" ] && rm -rf .venv
    exit 1
fi
quiet_lab
trap - HUP INT TERM
rm "$log"
for name in $includes; do
    echo "$wanted" >".venv/ready-$name"
done
echo "Ready."
