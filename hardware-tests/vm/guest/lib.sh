# What the jobs share; sourced in the guest.
#
# Guarantees: `fact` tells the host a figure, `fail` ends the job with the service's journal; `wait_for`
# waits on a fact with a deadline, never on time alone. The guest is some 15 times slower than its host,
# so deadlines are wide and no figure here is a measurement of the agent's speed.

EDGEWARD=/opt/edgeward/bin/edgeward
STATE=/var/lib/edgeward
CONFIG=/etc/edgeward/agent.toml
# $CREDENTIAL, if set, names a service credential for a second channel: a camera that does not answer.
CREDENTIAL=${CREDENTIAL:-}
# What the first channel records: a generated picture, or the kernel's virtual camera (vivid).
SOURCE=${SOURCE:-synthetic}
CAMERA=/dev/v4l/by-path/platform-vivid.0-video-index0
VIVID=/sys/bus/platform/drivers/vivid

now() { cut -d' ' -f1 /proc/uptime; }
fact() { echo "FACT $1=$2"; }
show() { systemctl show -P "$1" edgeward; }

fail() {
    echo "FAIL $*"
    systemctl status edgeward --no-pager -l | head -20
    journalctl -u edgeward -n 40 --no-pager -o short-monotonic
    exit 1
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt "$deadline" ] || fail "never happened: $what"
        sleep 0.5
    done
}

active() { [ "$(show ActiveState)" = active ]; }
# status KEY: the first such number in what the keeper last said, 0 when it has said nothing.
status() {
    local found
    found=$(grep -o "\"$1\": *[0-9]*" /run/edgeward/status.json 2>/dev/null | head -1) || true
    found=${found##*[: ]}
    echo "${found:-0}"
}
# Leaves are counted when they are on the disk.
leaves() { status leaves; }
# recorded BOOT SEGMENTS: that start of the agent has closed so many segments of its first channel.
recorded() { [ "$(status boot)" = "$1" ] && [ "$(status segments)" -ge "$2" ] && active; }

# plug_in OPTIONS...: the virtual cameras, now and at every boot.
plug_in() {
    echo "options vivid $*" >/etc/modprobe.d/vivid.conf
    echo vivid >/etc/modules-load.d/vivid.conf
    modprobe vivid || fail "no vivid in this kernel"
    udevadm settle
}

source_table() {
    if [ "$SOURCE" = vivid ]; then
        printf 'kind = "v4l2"\ndevice = "%s"\n' "$CAMERA"
    else
        printf 'kind = "synthetic"\nwidth = 320\nheight = 180\nrate = "5"\nbitrate_bps = 200000\n'
    fi
}

# open_recording ID: decrypts it to /root/out.mp4; 3 stands for a segment that a power cut left short.
open_recording() {
    local state=0
    [ -e /root/operator.key ] || "$EDGEWARD" keygen --signing tester -o /root/operator.key >/dev/null 2>&1
    rm -f /root/out.mp4 /root/out.mp4.access.note
    opened=$("$EDGEWARD" open "$1" -i /root/custodian.txt --purpose "test of the service" \
        --sign /root/operator.key -o /root/out.mp4 2>&1) || state=$?
    return $state
}

configure() {
    local recipient
    if [ -e /root/custodian.txt ]; then
        recipient=$(cat /root/recipient.txt)
    else
        recipient=$("$EDGEWARD" keygen -o /root/custodian.txt) || fail "keygen"
        echo "$recipient" >/root/recipient.txt
    fi
    cat >"$CONFIG" <<TOML
[box]
id = "vm-box"
[custodians]
recipients = ["$recipient"]
[segments]
seconds = 4
keep_free_bytes = 0
[[channel]]
id = "ch0"
category = "dt"
level = 4
purpose = "test of the service"
lawful_basis = "test"
plan = { scene = "imaging-diagnosis", place = ["test-room"], responsible = "tester", policy = "test-1" }
[channel.source]
$(source_table)
[channel.spec]
width = 320
height = 180
rate = "5"
rate_tolerance_percent = 50
TOML
    [ -z "$CREDENTIAL" ] || cat >>"$CONFIG" <<TOML
[[channel]]
id = "ch1"
category = "dt"
level = 4
purpose = "test of the service"
lawful_basis = "test"
plan = { scene = "imaging-diagnosis", place = ["test-room"], responsible = "tester", policy = "test-1" }
[channel.source]
kind = "rtsp"
url = "rtsp://127.0.0.1:5554/none"
username = "edgeward"
password_file = "$CREDENTIAL"
[channel.spec]
width = 320
height = 240
rate = "5"
TOML
    chgrp edgeward "$CONFIG"
    chmod 0640 "$CONFIG"
}
