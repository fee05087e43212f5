#!/usr/bin/env bash
# Boots a disk in qemu without KVM. What the job writes goes to LOG, the kernel's messages to LOG.serial.
#
# Guarantees: this process becomes qemu, so to kill its pid is a power cut: the guest's memory is lost
# (the host's page cache is not); no network device. JOB/run.sh runs as root in the guest with JOB
# read-only at /job, and the machine powers off when it returns.
#
# usage: boot.sh OUT DISK JOB LOG
set -euo pipefail
out=$(realpath "$1")
disk=$(realpath "$2")
job=$(realpath "$3")
log=$(realpath -m "$4")
: >"$log"
exec nice qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu Nehalem -smp 2 -m "${MEM:-2048}" \
  -nodefaults -no-reboot -display none -nic none \
  -kernel "$out/vmlinux" -initrd "$out/initrd" \
  -append "root=/dev/vda rw console=ttyS0 quiet mitigations=off ${APPEND:-}" \
  -drive "file=$disk,format=raw,if=none,id=d0,cache=writeback" -device virtio-blk-pci,drive=d0 \
  -virtfs "local,path=$job,mount_tag=job,security_model=none,readonly=on" \
  -serial "file:$log.serial" \
  -device virtio-serial-pci -chardev "file,id=c0,path=$log" -device virtconsole,chardev=c0
