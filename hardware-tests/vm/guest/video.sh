#!/usr/bin/env bash
# The unit in its sandbox with a camera: records, is watched, survives loss and hang, upgrade and uninstall.
#
# Guarantees: each line below is checked on what systemd, the ledger and the device say; a failed one ends
# the job. The device is the kernel's virtual camera. /job/delivery has the wheel and systemd/.
SOURCE=vivid
. /job/lib.sh

signal() { grep -o '"signal": *"[a-z]*"' /run/edgeward/status.json 2>/dev/null | head -1 | grep -q "\"$1\"$"; }
journal() { journalctl -u edgeward --no-pager -o cat; }
verified() { runuser -u edgeward -- "$EDGEWARD" verify || fail "edgeward verify: exit $?"; }

# --- records from the device as its own user, with nothing but its group ---
plug_in n_devs=1 num_inputs=1 input_types=0 num_outputs=0 node_types=0x1
configure
began=$(now)
systemctl enable --quiet --now edgeward || fail "the service did not start"
fact ready_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
fact exposure "$(systemd-analyze security edgeward | awk '/Overall exposure/ {print $(NF - 2)}')"
wait_for 180 "segments in the ledger" recorded 1 2
fact camera "$(stat -L -c %U:%G:%a "$CAMERA")"
told=$(runuser -u edgeward -- "$EDGEWARD" status) || [ $? = 1 ] || fail "edgeward status: exit $?"
echo "$told"
[[ "$told" = *"ch0: signal present, 320x180"* ]] || fail "edgeward status does not say that it records"
# ProtectClock= adds the clock, to be read; of the rest only video nodes.
fact device_allow "$(show DeviceAllow | tr '\n' ',')"

# --- unplugged and plugged in again ---
began=$(now)
echo vivid.0 >$VIVID/unbind
wait_for 60 "the loss is told" signal absent
fact loss_told_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
echo vivid.0 >$VIVID/bind
began=$(now)
wait_for 60 "the return is told" signal present
fact return_told_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
segments=$(status segments)
wait_for 120 "recording after the replug" recorded 1 $((segments + 2))

# --- a keeper that hangs ---
pid=$(show MainPID)
began=$(now)
kill -STOP "$pid"
restarted() { [ "$(show NRestarts)" = "$1" ] && active; }
wait_for 180 "a restart by the watchdog" restarted 1
fact active_after_hang_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
journal | grep -q "watchdog" || fail "it was not the watchdog"
wait_for 180 "recording after the hang" recorded 2 2
[ -n "$(journal)" ] || fail "nothing in the journal"
fact journal_lines "$(journal | wc -l)"

# --- upgrade: the same delivery again over a running service ---
before=$(leaves)
bash /job/delivery/systemd/install.sh --agent /job/delivery || fail "install.sh a second time"
systemctl restart edgeward || fail "it does not start after the upgrade"
wait_for 180 "recording after the upgrade" recorded 3 2
[ "$(leaves)" -gt "$before" ] || fail "the ledger was begun anew"
systemctl stop edgeward || fail "stop"
verified
fact recordings "$("$EDGEWARD" recordings --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))')"
first=$("$EDGEWARD" recordings --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["recording"])') || fail "recordings"
open_recording "$first" || [ $? = 3 ] || fail "edgeward open: $opened"
fact opened "$(echo "$opened" | head -1)"

# --- uninstall: the program goes, what was collected stays ---
vault() { (cd "$STATE" && find . -type f -exec sha256sum {} + | sort | sha256sum); }
before=$(vault)
bash /job/delivery/systemd/uninstall.sh || fail "uninstall.sh"
[ ! -e /opt/edgeward ] || fail "the program is still there"
systemctl cat edgeward >/dev/null 2>&1 && fail "the unit is still there"
[ "$(vault)" = "$before" ] || fail "uninstall.sh changed what was collected"
[ -e "$CONFIG" ] || fail "uninstall.sh removed the configuration"
bash /job/delivery/systemd/uninstall.sh || fail "uninstall.sh a second time"
fact vault_after_uninstall unchanged
echo PASSED
