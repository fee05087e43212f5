#!/usr/bin/env bash
# Faults of the virtual cameras, for bench.toml: unbind, bind, signal MODE (0 there, 1 none, 2 no lock, 3 out
# of range); and pattern: moving squares, since colour bars are what a grabber shows without a signal.
set -euo pipefail
driver=/sys/bus/platform/drivers/vivid
case $1 in
unbind) echo vivid.0 >$driver/unbind ;;
bind)
    echo vivid.0 >$driver/bind
    udevadm settle
    # The grabber's source sends what the bench expects; a new driver begins with 1280x720.
    v4l2-ctl -d /dev/video1 -c dv_timings=0 -c dv_timings_signal_mode=4
    v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=0
    ;;
pattern)
    for device in /dev/video0 /dev/video1; do
        v4l2-ctl -d $device -c test_pattern=10 -c horizontal_movement=5
    done
    ;;
signal) v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode="$2" ;;
esac
