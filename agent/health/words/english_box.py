"""English: the box, its disk, its keys."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "host.time": CheckWords(
        "Clock",
        {
            "good": Sentence("the clock is synchronised"),
            "unsynced": Sentence(
                "the clock is not synchronised: times in recordings may be wrong",
                (
                    "Ask hospital IT for the address of the time server.",
                    "Put it into the system's time service and restart that.",
                    "Wait five minutes and run the check again.",
                ),
            ),
            "impossible": Sentence(
                "the clock stands before the day this software was built: its battery is empty",
                (
                    "Set the clock: timedatectl set-time 'YYYY-MM-DD HH:MM'.",
                    "Replace the battery of the main board at the next visit.",
                ),
            ),
        },
    ),
    "store.space": CheckWords(
        "Free space",
        {
            "good": Sentence("the disk lasts for {hours} h"),
            "short": Sentence(
                "the disk lasts for {hours} h only",
                ("Tell hospital IT: recordings must be moved away, or a larger disk is needed.",),
            ),
            "full": Sentence(
                "the disk is nearly full: in {hours} h nothing can be recorded any more",
                (
                    "Tell hospital IT now.",
                    "Do not delete files by hand: that looks like tampering. "
                    "What is due is removed by edgeward destroy.",
                ),
            ),
        },
    ),
    "host.mem": CheckWords(
        "Memory",
        {
            "good": Sentence("{percent} % of the memory is free"),
            "low": Sentence(
                "only {percent} % of the memory is free",
                ("Look for other programs on this computer and end what does not belong to it.",),
            ),
            "none-left": Sentence(
                "only {percent} % of the memory is free: recordings are at risk",
                (
                    "End other programs on this computer.",
                    "If there are none, send the bundle to us and have more memory fitted.",
                ),
            ),
            "killed": Sentence(
                "the kernel has ended {kills} programs for want of memory since it was started",
                (
                    "Run edgeward status: are all channels recording?",
                    "End other programs, send the bundle to us, and have more memory fitted.",
                ),
            ),
        },
    ),
    "host.temp": CheckWords(
        "Temperature",
        {
            "good": Sentence("{celsius} °C at the hottest place"),
            "warm": Sentence(
                "{celsius} °C: too warm", ("Clear the air slots and give the box 5 cm of room on all sides.",)
            ),
            "hot": Sentence(
                "{celsius} °C: it slows down already",
                (
                    "Clear the air slots and give the box 5 cm of room on all sides.",
                    "Does the fan turn? If not, replace the box.",
                ),
            ),
        },
    ),
    "crypto.roundtrip": CheckWords(
        "Sealing",
        {
            "good": Sentence("what is sealed comes back whole, and a change is noticed"),
            "broken": Sentence(
                "sealing does not work on this computer",
                ("Do not record with it. Replace the box.", "Send the bundle to us."),
            ),
        },
    ),
    "host.power": CheckWords(
        "Power",
        {
            "good": Sentence("no unclean stop in {days} days"),
            "some": Sentence(
                "the box stopped {count} times in {days} days without being shut down",
                ("Ask the ward: is the box switched off at the wall or unplugged for cleaning?",),
            ),
            "often": Sentence(
                "the box stopped {count} times in {days} days without being shut down",
                (
                    "Give it a socket of its own that nobody switches, or an uninterruptible supply.",
                    "Is the plug firm at both ends?",
                    "If power is not the cause, send the bundle to us.",
                ),
            ),
        },
    ),
    "host.swap": CheckWords(
        "Swap",
        {
            "good": Sentence("memory never reaches a disk"),
            "swap": Sentence(
                "memory can reach the disk: {areas}",
                ("Run sudo swapoff -a.", "Remove the swap line from /etc/fstab."),
            ),
        },
    ),
    "store.write": CheckWords(
        "Disk speed",
        {
            "good": Sentence("the disk writes {times} times as fast as all channels need"),
            "slow": Sentence(
                "the disk writes only {times} times as fast as all channels need",
                (
                    "Look for another program that writes to this disk.",
                    "Check again at a quiet time.",
                ),
            ),
            "too-slow": Sentence(
                "the disk is too slow for these channels: {times} times what they need",
                ("Look for another program that writes to this disk.", "Replace the disk by a faster one."),
            ),
        },
    ),
    "store.smart": CheckWords(
        "Disk health",
        {
            "good": Sentence("the disk says that it is well, {wear} of its life is used"),
            "worn": Sentence("{wear} of the disk's life is used", ("Order a new disk for the next visit.",)),
            "failing": Sentence(
                "the disk says that it is failing",
                ("Tell hospital IT now: recordings must be copied away.", "Replace the disk."),
            ),
        },
    ),
    "store.encrypted": CheckWords(
        "Disk encryption",
        {
            "good": Sentence("the vault lies on an encrypted disk"),
            "clear": Sentence(
                "{device} is not encrypted: recordings are sealed, the box's own keys are not",
                ("Tell hospital IT: the volume should be LUKS with the key in the TPM.",),
            ),
            "removable": Sentence(
                "the vault lies on a removable medium, {device}",
                ("Move the vault to a disk that is fixed inside the box.",),
            ),
        },
    ),
    "crypto.key": CheckWords(
        "Signing key",
        {
            "good": Sentence("only the agent can read it"),
            "readable": Sentence(
                "others may read the box's signing key (mode {mode})",
                (
                    "Tell hospital IT: the key must be thought of as known to others.",
                    "Run sudo chmod 0600 signing.key in the state directory.",
                ),
            ),
        },
    ),
    "crypto.tickets": CheckWords(
        "Tickets",
        {
            "good": Sentence("enough tickets are left: {pools}"),
            "low": Sentence(
                "few tickets are left: {pools}",
                ("Ask the key authority for a batch.", "Run edgeward tickets import FILE."),
            ),
            "empty": Sentence(
                "a channel has no ticket: {pools}; it records, but can't be shredded by destroying a ticket",
                ("Ask the key authority for a batch today.", "Run edgeward tickets import FILE."),
            ),
        },
    ),
    "ledger.log": CheckWords(
        "Ledger",
        {
            "good": Sentence("all {leaves} leaves are as they were signed"),
            "tampered": Sentence(
                "the ledger was changed: {first}",
                (
                    "Do not repair anything and do not switch the box off.",
                    "Tell the hospital's security officer now.",
                    "Run edgeward verify --json and keep what it says.",
                ),
            ),
        },
    ),
    "host.kernel_log": CheckWords(
        "Kernel's log",
        {
            "good": Sentence("no complaint about disks, USB devices or the processor"),
            "some": Sentence(
                "{count} complaints about disks, USB devices or the processor",
                ("Was something unplugged? Else: run sudo dmesg and send the bundle to us.",),
            ),
            "many": Sentence(
                "{count} complaints about disks, USB devices or the processor",
                (
                    "Plug the capture device into another port, without a hub, with a short cable.",
                    "Run sudo dmesg: if it names the disk, see store.smart.",
                    "Send the bundle to us.",
                ),
            ),
        },
    ),
    "host.load": CheckWords(
        "Processor",
        {
            "good": Sentence("{percent} % busy"),
            "busy": Sentence(
                "{percent} % busy: little is left", ("Look for other programs on this computer.",)
            ),
            "overloaded": Sentence(
                "{percent} % busy: frames will be late or lost",
                ("End other programs on this computer.", "Move a channel to another box."),
            ),
        },
    ),
    "store.inodes": CheckWords(
        "Room for files",
        {
            "good": Sentence("{percent} % is free"),
            "few": Sentence(
                "only {percent} % is free", ("Tell hospital IT: the file system has few inodes left.",)
            ),
            "none-left": Sentence(
                "only {percent} % is free: soon nothing can be recorded",
                ("Tell hospital IT now: the file system has no inodes left.",),
            ),
        },
    ),
    "store.vault": CheckWords(
        "Vault",
        {
            "good": Sentence("it is the one that this box knows"),
            "missing": Sentence(
                "the vault is not at its place: its disk is not mounted",
                ("Mount the disk: sudo mount -a.", "Is the disk plugged in? See host.kernel_log."),
            ),
            "foreign": Sentence(
                "another vault than this box's is at its place",
                ("Find this box's own disk.", "Keep the other one safe and tell the security officer."),
            ),
        },
    ),
    "host.rtc": CheckWords(
        "Clock on the main board",
        {
            "good": Sentence("agrees with the system's within seconds"),
            "drifts": Sentence(
                "is off by {off}: after a power cut times would be wrong at first",
                (
                    "Run sudo hwclock --systohc once the clock is synchronised.",
                    "If it is off again tomorrow, replace the battery of the main board.",
                ),
            ),
            "lost": Sentence(
                "is off by {off}: its battery is empty, or it was set by hand",
                (
                    "Run sudo hwclock --systohc once the clock is synchronised.",
                    "Replace the battery of the main board.",
                ),
            ),
        },
    ),
    "host.steps": CheckWords(
        "Jumps of the clock",
        {
            "good": Sentence("none in the last day"),
            "some": Sentence(
                "{count} in the last day, the largest {seconds} s",
                (
                    "Was the clock set by hand, or the box started without a network? Then all is well.",
                    "Else look at host.time and check again tomorrow.",
                ),
            ),
            "often": Sentence(
                "{count} in the last day, the largest {seconds} s: times within recordings jump",
                (
                    "Ask hospital IT: are there two time servers that disagree?",
                    "Is there a second program that sets the clock? Leave only one on.",
                ),
            ),
        },
    ),
    "host.version": CheckWords(
        "Version that runs",
        {
            "good": Sentence("the installed one runs"),
            "restart": Sentence(
                "an older one runs: installed {installed}, started {started}",
                ("Between two examinations: sudo systemctl restart edgeward.",),
            ),
            "reload": Sentence(
                "systemd has not read the changed service file yet",
                (
                    "Run sudo systemctl daemon-reload.",
                    "Between two examinations: sudo systemctl restart edgeward.",
                ),
            ),
        },
    ),
    "store.filesystem": CheckWords(
        "File system",
        {
            "good": Sentence("{kind}, writable"),
            "unknown": Sentence(
                "{kind}: nobody has tried whether it keeps what was written over a power cut",
                ("Ask hospital IT for a local disk with ext4 or xfs for the vault.",),
            ),
            "in-memory": Sentence(
                "{kind}: everything is gone at the next start",
                (
                    "Mount a disk at the vault's place: see /etc/fstab.",
                    "Recordings that lie there now are lost when the box is switched off: copy them first.",
                ),
            ),
            "read-only": Sentence(
                "{kind} is read-only: nothing can be recorded",
                (
                    "Run sudo dmesg: a disk with errors is made read-only. See store.smart.",
                    "If the disk is good: sudo mount -o remount,rw on it.",
                ),
            ),
        },
    ),
    "store.trim": CheckWords(
        "Disk's upkeep (TRIM)",
        {
            "good": Sentence("the disk is told what is free"),
            "never": Sentence(
                "the disk is never told what is free: it becomes slow, and keeps destroyed data in its cells",
                (
                    "Run sudo systemctl enable --now fstrim.timer.",
                    "With LUKS: hospital IT decides about allow-discards.",
                ),
            ),
        },
    ),
    "sec.core": CheckWords(
        "Memory and disk",
        {
            "good": Sentence("nothing of the agent's memory can reach a disk"),
            "cores": Sentence(
                "when the agent crashes, its memory may be written to a disk",
                (
                    "Install the shipped unit again: systemd/install.sh (it sets LimitCORE=0).",
                    "Delete old dumps: sudo coredumpctl list shows them.",
                ),
            ),
            "swapped": Sentence(
                "{kib} KiB of the agent's memory are in swap: pictures may lie on the disk",
                (
                    "Run sudo swapoff -a and remove swap from /etc/fstab. See host.swap.",
                    "Tell the security officer: the swap area must be overwritten.",
                ),
            ),
        },
    ),
}
