#!/usr/bin/env bash
# Makes a fresh disk for the virtual machine: the tree of build.sh with the agent as it is now.
#
# Guarantees: the agent's wheel, the unit, the user and the directories are put there by
# systemd/install.sh, the way a hospital does it; an existing DISK is replaced. Leaves out configuration
# and first start, which are the jobs' part. The caller is root and has run build.sh.
#
# usage: disk.sh OUT EDGEWARD_WHEEL DISK
set -euo pipefail
out=$(realpath "$1")
wheel=$(realpath "$2")
disk=$(realpath -m "$3")
repository=$(realpath "$(dirname "$0")/../..")
root=$out/rootfs

rm -rf "$root/opt/delivery"
mkdir -p "$root/opt/delivery"
cp "$wheel" "$root/opt/delivery/"
cp -r "$repository/systemd" "$root/opt/delivery/systemd"
PIP_CONFIG_FILE=/dev/null chroot "$root" bash /opt/delivery/systemd/install.sh --agent /opt/delivery
rm -rf "$root/opt/delivery"
rm -f "$disk"
mke2fs -q -t ext4 -d "$root" "$disk" "${SIZE:-1800M}"
