#!/usr/bin/env bash
# The unit under a real systemd: start, watchdog, status, kill, hang, credential, stop, wrong configuration.
#
# Guarantees: each line below is checked on what systemd says, and a failed one ends the job. Leaves out
# devices and the network.
. /job/lib.sh

# --- start ---
configure
began=$(now)
systemctl enable --quiet --now edgeward || fail "the service did not start"
active || fail "started, but not active"
fact ready_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
fact systemd "$(systemctl --version | awk 'NR == 1 {print $2}')"
fact exposure "$(systemd-analyze security edgeward | awk '/Overall exposure/ {print $(NF - 2)}')"
pid=$(show MainPID)
[ "$(stat -c %U "/proc/$pid")" = edgeward ] || fail "the keeper does not run as edgeward"
fact owner_vault "$(stat -c %U:%a /var/lib/edgeward/vault)"
wait_for 120 "segments in the ledger" recorded 1 2

# --- the watchdog is fed for a minute ---
first=$(show WatchdogTimestampMonotonic)
fed_for_a_minute() { [ "$(show WatchdogTimestampMonotonic)" -gt $((first + 60000000)) ]; }
wait_for 150 "a minute of watchdog pings" fed_for_a_minute
active && [ "$(show NRestarts)" = 0 ] || fail "restarted within the first minute"
fact watchdog_fed_s 60

# --- status, as the user that runs it ---
# 1: this machine has no time server and a small disk, which are alarms.
told=$(runuser -u edgeward -- "$EDGEWARD" status) || [ $? = 1 ] || fail "edgeward status: exit $?"
echo "$told"
[[ "$told" = *"ch0: signal present"* ]] || fail "edgeward status does not say that it records"
group=/sys/fs/cgroup$(show ControlGroup)
fact memory_peak_mib $(($(cat "$group/memory.peak" 2>/dev/null || show MemoryCurrent) / 1048576))
fact memory_anonymous_mib $(($(awk '$1 == "anon" {print $2}' "$group/memory.stat") / 1048576))
fact tasks "$(show TasksCurrent)"

# --- kill -9 of the keeper ---
began=$(now)
kill -9 "$pid"
restarted() { [ "$(show NRestarts)" = "$1" ] && active; }
wait_for 120 "a restart after kill -9" restarted 1
fact active_after_kill_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
wait_for 120 "recording after kill -9" recorded 2 2

# --- a keeper that hangs: the watchdog ends it ---
pid=$(show MainPID)
began=$(now)
kill -STOP "$pid"
wait_for 180 "a restart by the watchdog" restarted 2
fact active_after_hang_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
journalctl -u edgeward --no-pager | grep -q "watchdog" || fail "it was not the watchdog"
wait_for 120 "recording after the hang" recorded 3 2

# --- stop ---
began=$(now)
systemctl stop edgeward || fail "stop"
fact stop_s "$(echo "$(now) $began" | awk '{print $1 - $2}')"
[ "$(show Result)" = success ] || fail "stopped with $(show Result)"
[ "$(show ExecMainStatus)" = 0 ] || fail "exit code $(show ExecMainStatus)"
runuser -u edgeward -- "$EDGEWARD" verify || fail "edgeward verify: exit $?"

# --- a camera's password as a credential ---
mkdir -p /etc/systemd/system/edgeward.service.d
printf '[Service]\nLoadCredential=camera-1:/etc/edgeward/credentials/camera-1\n' \
    >/etc/systemd/system/edgeward.service.d/credential.conf
(umask 0377 && echo "planted-password" >/etc/edgeward/credentials/camera-1)
systemctl daemon-reload
CREDENTIAL=camera-1 configure
systemctl start edgeward || fail "it does not start with a credential"
fact credential_mode "$(stat -c %a:%U /run/credentials/edgeward.service/camera-1 2>/dev/null)"
wait_for 120 "recording beside a camera that does not answer" recorded 4 2
journalctl -u edgeward --no-pager | grep -q planted-password && fail "the password is in the journal"
systemctl stop edgeward || fail "stop"

# --- a wrong configuration: 78, and no second try ---
sed -i 's/^category = .*/category = "nothing"/' "$CONFIG"
tries=$(show NRestarts)
systemctl start edgeward && fail "started with a wrong configuration"
[ "$(show ActiveState)" = failed ] || fail "state $(show ActiveState) after a wrong configuration"
[ "$(show ExecMainStatus)" = 78 ] || fail "exit code $(show ExecMainStatus) instead of 78"
[ "$(show NRestarts)" = "$tries" ] || fail "it was started again"
fact exit_on_bad_config 78
echo PASSED
