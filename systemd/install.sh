#!/usr/bin/env bash
# Puts edgeward on a Debian 12 box: environment in /opt/edgeward, system user, unit. Run as root.
#
# Guarantees: only files whose hashes are in requirements.lock are installed as dependencies, the network
# is not used, and running it again upgrades in place. Leaves out the configuration and the first start
# (README.md), and never touches /etc/edgeward/agent.toml, credentials or recordings.
# DELIVERY is a directory with requirements.lock, the wheels it names, edgeward's own wheel and systemd/.
#
# usage: install.sh DELIVERY                 everything
#        install.sh --dependencies DELIVERY  only the environment with the wheels of the lock
#        install.sh --agent DELIVERY         only edgeward's own wheel and the unit
set -euo pipefail
part=all
case ${1:-} in
--dependencies | --agent) part=${1#--} && shift ;;
esac
[ $# = 1 ] || { echo "usage: install.sh [--dependencies | --agent] DELIVERY" >&2 && exit 64; }
delivery=$(realpath "$1")
home=/opt/edgeward
umask 022

if [ "$part" != agent ]; then
    [ -x "$home/bin/python" ] || python3 -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
        --find-links "$delivery" --require-hashes -r "$delivery/requirements.lock"
fi

if [ "$part" != dependencies ]; then
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
        --force-reinstall "$delivery"/edgeward-*.whl
    install -D -m 0644 "$delivery/systemd/edgeward.service" /etc/systemd/system/edgeward.service
    install -D -m 0644 "$delivery/systemd/edgeward.sysusers" /etc/sysusers.d/edgeward.conf
    install -D -m 0644 "$delivery/systemd/edgeward.tmpfiles" /etc/tmpfiles.d/edgeward.conf
    systemd-sysusers /etc/sysusers.d/edgeward.conf
    # In an image that is being built no systemd runs; it does both when it boots.
    if [ -d /run/systemd/system ]; then
        systemd-tmpfiles --create /etc/tmpfiles.d/edgeward.conf
        systemctl daemon-reload
    fi
fi
