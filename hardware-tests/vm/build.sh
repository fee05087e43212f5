#!/usr/bin/env bash
# Makes the Debian tree, kernel and initrd that the virtual machine boots: OUT/{rootfs,vmlinux,initrd}.
#
# Guarantees: Debian 12 with systemd as process 1, Debian's own kernel (with vivid), Python with venv, the
# agent's dependencies in /opt/edgeward, installed by systemd/install.sh from wheels whose hashes are in
# requirements.lock, and pytest in /opt/bench for the bench tests, by WHEELS/bench.lock. Leaves out the agent itself, which changes with every run (disk.sh puts it in), and
# keeps nothing when it fails. The caller is root, has the programs that run.sh names, and keeps OUT as
# long as this file and the lock stay as they are.
#
# usage: build.sh OUT WHEELS
set -euo pipefail
out=$(realpath -m "$1")
wheels=$(realpath "$2")
repository=$(realpath "$(dirname "$0")/../..")
mkdir -p "$out"

cat >"$out/customize.sh" <<CUSTOMIZE
set -eu
R=\$1
mkdir -p "\$R/opt/delivery"
cp "$wheels"/*.whl "$repository/requirements.lock" "\$R/opt/delivery/"
cp -r "$repository/systemd" "\$R/opt/delivery/systemd"
PIP_CONFIG_FILE=/dev/null chroot "\$R" bash /opt/delivery/systemd/install.sh --dependencies /opt/delivery
cp "$wheels/bench.lock" "\$R/opt/delivery/"
chroot "\$R" python3 -m venv /opt/bench
PIP_CONFIG_FILE=/dev/null chroot "\$R" /opt/bench/bin/pip install --quiet --disable-pip-version-check \
    --no-index --find-links /opt/delivery --require-hashes -r /opt/delivery/bench.lock
for site in "\$R"/opt/bench/lib/python3*/site-packages; do
    echo "\${site#"\$R"}" | sed s:/opt/bench:/opt/edgeward: >"\$site/edgeward.pth"
done
rm -rf "\$R/opt/delivery"
echo capture-box >"\$R/etc/hostname"
echo "127.0.0.1 localhost capture-box" >"\$R/etc/hosts"
printf '/dev/vda / ext4 defaults 0 1\n' >"\$R/etc/fstab"
echo 0123456789abcdef0123456789abcdef >"\$R/etc/machine-id"
mkdir -p "\$R/var/log/journal"
cat >"\$R/etc/systemd/system/job.service" <<UNIT
[Unit]
Description=The job that was handed in by the host
After=basic.target dev-hvc0.device
[Service]
ExecStart=/usr/local/sbin/job
StandardOutput=tty
StandardError=tty
TTYPath=/dev/hvc0
[Install]
WantedBy=multi-user.target
UNIT
cat >"\$R/usr/local/sbin/job" <<'JOB'
#!/bin/bash
echo "JOB-START uptime=\$(cut -d' ' -f1 /proc/uptime)"
mkdir -p /job
modprobe 9pnet_virtio
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro job /job
bash /job/run.sh
echo "JOB-END rc=\$? uptime=\$(cut -d' ' -f1 /proc/uptime)"
systemctl poweroff --force
JOB
chmod 755 "\$R/usr/local/sbin/job"
chroot "\$R" systemctl -q enable job.service
for unit in getty@ serial-getty@ apt-daily apt-daily-upgrade e2scrub_all e2scrub_reap fstrim \
  dpkg-db-backup systemd-pstore; do
  for kind in service timer; do ln -sf /dev/null "\$R/etc/systemd/system/\$unit.\$kind"; done
done
CUSTOMIZE

packages=linux-image-amd64,initramfs-tools,systemd,systemd-sysv,udev,dbus,kmod,python3,python3-venv,e2fsprogs
packages=$packages,v4l-utils
source=/etc/apt/sources.list
[ -s "$source" ] || source=$(find /etc/apt/sources.list.d -name '*.sources' | sort | head -1)
rm -rf "$out/rootfs"
nice mmdebstrap --mode=root --variant=minbase --aptopt='Apt::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/gpu/drm/*/*' \
  --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/net/ethernet/*' \
  --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/net/wireless/*' \
  --dpkgopt='path-exclude=/lib/modules/*/kernel/sound/*' \
  --include="$packages,procps,util-linux" \
  --customize-hook="bash '$out/customize.sh' \"\$1\"" bookworm "$out/rootfs" "$source"

root=$out/rootfs
kernel=$(ls "$root/lib/modules")
# The kernel taken out of its compressed file boots two seconds sooner.
python3 - "$root/boot/vmlinuz-$kernel" "$out/vmlinux" <<'UNPACK'
import lzma, pathlib, sys
raw = pathlib.Path(sys.argv[1]).read_bytes()
kernel = lzma.LZMADecompressor().decompress(raw[raw.find(b"\xfd7zXZ\x00"):])
assert kernel[:4] == b"\x7fELF"
pathlib.Path(sys.argv[2]).write_bytes(kernel)
UNPACK

initrd=$out/initrd.d
rm -rf "$initrd"
mkdir -p "$initrd"/{bin,proc,sys,dev,newroot,mod}
cp "$(command -v busybox)" "$initrd/bin/busybox"
: >"$initrd/mod/list"
# virtio_console must be in here: without it the job has nowhere to write and never starts.
for module in virtio_pci virtio_blk ext4 crc32c_generic virtio_console 9pnet_virtio 9p; do
  chroot "$root" modprobe -S "$kernel" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r file; do
  cp "$root$file" "$initrd/mod/"
  basename "$file" >>"$initrd/mod/list"
done
cat >"$initrd/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc p /proc
/bin/busybox mount -t devtmpfs d /dev
for m in $(/bin/busybox cat /mod/list); do /bin/busybox insmod /mod/$m; done
while [ ! -b /dev/vda ]; do /bin/busybox usleep 20000; done
/bin/busybox mount -t ext4 -o rw /dev/vda /newroot
/bin/busybox mount --move /dev /newroot/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /newroot /sbin/init
INIT
chmod 755 "$initrd/init"
(cd "$initrd" && find . | cpio -o -H newc -R 0:0 --quiet) >"$out/initrd"
rm -rf "$initrd" "$out/customize.sh"
touch "$out/complete"
