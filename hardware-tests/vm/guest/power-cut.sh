#!/usr/bin/env bash
# Records until the host cuts the power; at the last boot stops and checks everything.
#
# Guarantees: before a cut every leaf that the keeper calls durable is told to the host (KEPT), outside of
# the disk; at the last boot (/job/last exists) all leaves of all earlier boots, in /job/kept, must be in
# the ledger, every segment in it must be there, and one recording is opened. The caller cuts.
. /job/lib.sh

if [ ! -e "$CONFIG" ]; then
    configure
    sync
    systemctl enable --quiet --now edgeward || fail "the service did not start"
fi
wait_for 300 "the service is active" active
fact active_s "$(now)"
fact boot "$(cat /var/lib/edgeward/boot)"
before=$(leaves)
echo "UP with $before leaves"

if [ -e /job/last ]; then
    wait_for 180 "recording goes on" more_leaves_than $((before + 2))
    systemctl stop edgeward || fail "stop"
    /opt/edgeward/bin/python /job/check_kept.py "$STATE" /job/kept || fail "a durable leaf is lost"
    runuser -u edgeward -- "$EDGEWARD" verify || fail "edgeward verify: exit $?"
    recording=$("$EDGEWARD" recordings --json | python3 -c 'import json, sys
found = json.load(sys.stdin)
print((found["recordings"] if isinstance(found, dict) else found)[0]["recording"])') || fail "recordings"
    "$EDGEWARD" open "$recording" -i /root/custodian.txt -o /root/out.mp4 || echo "open: exit $?"
    fact opened_bytes "$(stat -c %s /root/out.mp4 2>/dev/null || echo 0)"
    echo PASSED
    exit 0
fi

told=0
while true; do
    # The number first: the keeper counts a leaf after it is on the disk, so the tail has at least these.
    count=$(leaves)
    if [ "$count" -gt "$told" ]; then
        echo "KEPT $count $(base64 -w0 <"$STATE/vault/ledger/tail.entries")"
        told=$count
    fi
    active || fail "not active any more"
    sleep 0.2
done
