#!/usr/bin/env bash
# Takes edgeward's program and unit off a box. Run as root.
#
# Guarantees: recordings, ledger and keys (/var/lib/edgeward, and a vault elsewhere), configuration and
# credentials (/etc/edgeward) stay as they are, and so does the user that owns them: what was collected is
# destroyed by `edgeward destroy` only, which proves it. Installing again goes on with them. Harmless when
# called again.
#
# usage: uninstall.sh
set -euo pipefail
[ $# = 0 ] || { echo "usage: uninstall.sh" >&2 && exit 64; }
if [ -e /etc/systemd/system/edgeward.service ]; then
    systemctl disable --quiet --now edgeward
    rm -f /etc/systemd/system/edgeward.service
    systemctl daemon-reload
    systemctl reset-failed edgeward 2>/dev/null || true
fi
rm -rf /opt/edgeward
echo "left in place: /var/lib/edgeward, /etc/edgeward (with drop-ins of the unit), and the user edgeward" >&2
