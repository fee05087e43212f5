#!/usr/bin/env bash
# The bench tests on the virtual cameras; their JUnit file goes to the host as JUNIT lines.
. /job/lib.sh
plug_in n_devs=2 num_inputs=1,1 input_types=0,3 num_outputs=0,0 node_types=0x1,0x1
bash /job/vivid.sh pattern
v4l2-ctl -d /dev/video1 -c dv_timings=0 -c dv_timings_signal_mode=4 || fail "no controls"
# Without a lock for a moment, then locked to what was selected.
v4l2-ctl -d /dev/video1 --set-dv-bt-timings query >/dev/null
v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=0
state=0
/opt/bench/bin/python -m pytest /job/bench-tests --bench /job/bench.toml --junitxml=/root/junit.xml \
    --color=no -q || state=$?
base64 -w0 /root/junit.xml | sed 's/^/JUNIT /'
echo
fact bench_exit $state
[ $state = 0 ] || fail "the bench tests: exit $state"
echo PASSED
