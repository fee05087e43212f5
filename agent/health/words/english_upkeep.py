"""English: what keeps the system below the agent sound."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "host.throttle": CheckWords(
        "Supply and cooling",
        {
            "good": Sentence("full speed since the start"),
            "throttled": Sentence(
                "the processor was slowed down for heat {count} times",
                (
                    "Is air free to move around the box? Take away what covers it.",
                    "Blow the dust out of vents and fan. Does the fan turn?",
                    "See host.temp after ten minutes.",
                ),
            ),
            "voltage": Sentence(
                "the supply gives too little voltage",
                (
                    "Replace the power supply by the one that belongs to the box, and its cable.",
                    "Plug nothing into the box's USB ports that takes power from it.",
                ),
            ),
        },
    ),
    "sec.update": CheckWords(
        "System's updates",
        {
            "good": Sentence("the system was updated {days} days ago"),
            "restart": Sentence(
                "an update waits for a restart of the box",
                (
                    "Agree on a time between two examinations with the ward.",
                    "Run sudo systemctl stop edgeward, then sudo systemctl reboot.",
                    "Check again: edgeward check --profile visit.",
                ),
            ),
            "old": Sentence(
                "nothing on the system was updated for {days} days",
                (
                    "Ask hospital IT to install Debian's security updates, from their mirror or a medium.",
                    "Then restart the box between two examinations.",
                ),
            ),
        },
    ),
    "sec.accounts": CheckWords(
        "Accounts",
        {
            "good": Sentence("each is locked or has a password, and root is alone"),
            "no-password": Sentence(
                "anybody can log in without a password as {names}",
                (
                    "Lock what is not needed: sudo passwd -l NAME, for each name.",
                    "Ask hospital IT who made it, and tell the security officer.",
                ),
            ),
            "second-root": Sentence(
                "besides root these accounts may do everything: {names}",
                (
                    "Ask hospital IT who made them, and tell the security officer.",
                    "Remove what does not belong here: sudo userdel NAME, for each name.",
                ),
            ),
        },
    ),
}
