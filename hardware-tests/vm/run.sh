#!/usr/bin/env bash
# The agent as a service on a whole machine: builds the image once, boots it in qemu, runs the jobs.
#
# Guarantees: exit 0 only when every job passed; facts as JSON on stdout, everything else on stderr; all
# that is built or downloaded goes to OUT, by default ${XDG_CACHE_HOME:-~/.cache}/edgeward-vm, nothing to the
# repository. The image is built again when build.sh, install.sh or the lock changed. Devices are the
# kernel's virtual cameras (vivid).
# The caller is root on Debian 12 with about 4 GB of disk and has:
#   apt-get install mmdebstrap qemu-system-x86 e2fsprogs busybox-static cpio xz-utils python3-venv
#
# usage: run.sh [OUT] [--job service|video|bench|power-cut]... [--cuts N] [--wheel FILE]
set -euo pipefail
here=$(realpath "$(dirname "$0")")
repository=$(realpath "$here/../..")
out=${XDG_CACHE_HOME:-$HOME/.cache}/edgeward-vm
case ${1:-} in
"" | -*) ;;
*) out=$1 && shift ;;
esac
mkdir -p "$out"
out=$(realpath "$out")

PATH=$PATH:/usr/sbin:/sbin
missing=""
for program in mmdebstrap qemu-system-x86_64 mke2fs busybox cpio xz python3; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
[ -z "$missing" ] || { echo "missing:$missing: see the first lines of $0" >&2 && exit 69; }
[ "$(id -u)" = 0 ] || { echo "run it as root: it makes a file system with other owners" >&2 && exit 77; }

python=$repository/.venv/bin/python
[ -x "$python" ] || { echo "no .venv yet: run make check first" >&2 && exit 69; }

locks=("$repository/requirements.lock" "$repository/requirements-dev.lock")
wheels=$out/wheels-$(cat "${locks[@]}" | sha256sum | cut -c1-16)
if [ ! -e "$wheels/complete" ]; then
    # The image is Debian 12's: Python 3.11 on the processor of this machine.
    "$python" -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        --python-version 3.11 -r "$repository/requirements.lock" -d "$wheels" >&2
    # What the bench tests need beside the agent: pytest and what it imports, as the lock for tests names them.
    awk '/^[a-z]/ { take = /^(iniconfig|packaging|pluggy|pygments|pytest)==/ } take' \
        "$repository/requirements-dev.lock" >"$wheels/bench.lock"
    "$python" -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        --python-version 3.11 -r "$wheels/bench.lock" -d "$wheels" >&2
    touch "$wheels/complete"
fi

image=$out/image-$(cat "$here/build.sh" "$repository/systemd/install.sh" "${locks[@]}" |
    sha256sum | cut -c1-16)
if [ ! -e "$image/complete" ]; then
    echo "building the image in $image (about two minutes) …" >&2
    bash "$here/build.sh" "$image" "$wheels" >&2
fi
exec "$python" "$here/vm.py" "$image" "$@"
