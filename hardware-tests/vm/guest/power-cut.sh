#!/usr/bin/env bash
# Records from the virtual camera until the host cuts the power; at the last boot stops and checks everything.
#
# Guarantees: before a cut every leaf that the keeper calls durable is told to the host (KEPT), outside of
# the disk, and the guest's time (TICK); at the last boot (/job/last exists) all leaves of all earlier boots,
# in /job/kept, must be in the ledger, every segment in it must be there, and every recording is opened and
# told (RECORDING: number, start, seconds and pictures in it, exit code). The caller cuts.
SOURCE=vivid
. /job/lib.sh

if [ ! -e "$CONFIG" ]; then
    plug_in n_devs=1 num_inputs=1 input_types=0 num_outputs=0 node_types=0x1
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
    number=0
    for recording in $("$EDGEWARD" recordings --json |
        python3 -c 'import json, sys; print(*(row["recording"] for row in json.load(sys.stdin)))'); do
        number=$((number + 1))
        state=0
        open_recording "$recording" || state=$?
        echo "RECORDING $number $recording $state $(/opt/edgeward/bin/python /job/measure.py \
            "$STATE/vault" "$recording" /root/out.mp4)"
        # 3: everything that is there was opened, and the segment of the cut ends early.
        [ $state = 0 ] || [ $state = 3 ] || echo "UNREADABLE $recording: $opened"
    done
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
    echo "TICK $(date +%s.%N)"
    sleep 0.1
done
