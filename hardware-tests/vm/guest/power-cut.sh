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
boot=$(cat "$STATE/boot")
fact boot "$boot"

if [ -e /job/last ]; then
    wait_for 180 "recording goes on" recorded "$boot" 2
    systemctl stop edgeward || fail "stop"
    /opt/edgeward/bin/python /job/check_kept.py "$STATE" /job/kept || fail "a durable leaf is lost"
    runuser -u edgeward -- "$EDGEWARD" verify || fail "edgeward verify: exit $?"
    recording=$("$EDGEWARD" recordings --json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["recording"])') || fail "recordings"
    # 3: everything that is there was opened, and the segment of the cut ends early.
    opened=$("$EDGEWARD" open "$recording" -i /root/custodian.txt -o /root/out.mp4 2>&1) || [ $? = 3 ] ||
        fail "edgeward open: $opened"
    echo "$opened"
    fact opened_frames "$(echo "$opened" | sed -n 's/^\([0-9]*\) frames.*/\1/p')"
    [ -s /root/out.mp4 ] || fail "nothing was opened"
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
