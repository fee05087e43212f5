"""English: a channel's device, its plan, its pictures and what was recorded of them."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "device.known": CheckWords(
        "Device's model",
        {
            "good": Sentence("known: {profile}"),
            "unknown": Sentence(
                "no profile knows it ({why}): it is recorded, and never released de-identified",
                (
                    "An RTSP camera: write its profile's id into [channel.source] (edgeward profiles list).",
                    "Else send what edgeward probe says to us: we write a profile.",
                ),
            ),
        },
    ),
    "device.firmware": CheckWords(
        "Device's firmware",
        {
            "good": Sentence("{firmware}: no published attack is known for it"),
            "old": Sentence(
                "{firmware} can be attacked ({advisories}); required is {required}",
                (
                    "Have biomedical engineering update it. The maker's advice: {remedy}.",
                    "Until then: keep the device on a network that only this box can reach.",
                ),
            ),
            "unsure": Sentence(
                "{firmware} can't be compared ({advisories}); required is {required}",
                (
                    "Look the version up on the device's own page and compare by hand.",
                    "The maker's advice: {remedy}.",
                ),
            ),
            "not-told": Sentence(
                "the device does not tell its firmware ({advisories}); required is {required}",
                (
                    "Look the version up on the device's own page and compare by hand.",
                    "The maker's advice: {remedy}.",
                ),
            ),
        },
    ),
    "device.password": CheckWords(
        "Camera's login",
        {
            "good": Sentence("it asks for a login, and refuses the one that its maker ships"),
            "asked": Sentence(
                "it asks for a login; the one that its maker ships was not tried",
                ("To have it tried once: [checks] try_vendor_default = true.",),
            ),
            "none": Sentence(
                "anybody on its network gets its pictures: it asks for no login",
                (
                    "Set a password on the camera's own page, and switch anonymous viewing off.",
                    "Write the login into the configuration: username, password_file.",
                ),
            ),
            "shipped": Sentence(
                "it takes the login that its maker ships, which is printed in the manual",
                (
                    "Change it on the camera's own page now.",
                    "Write the new one into the configuration: username, password_file.",
                    "Tell the security officer: others may have been in.",
                ),
            ),
        },
    ),
    "plan.state": CheckWords(
        "Collection plan",
        {
            "good": Sentence("it allows collecting now"),
            "outside-hours": Sentence(
                "it does not allow collecting at this hour: that is meant",
                ("Nothing to do, unless the hours are wrong: then have the plan corrected.",),
            ),
            "missing": Sentence(
                "there is none: nothing may be collected on this channel",
                ("Have it written by who is responsible: [channel.plan] (docs/configuration.md).",),
            ),
            "clock": Sentence(
                "its hours are decided by a clock that is not synchronised",
                ("Repair the time source: see host.time.",),
            ),
            "refused": Sentence(
                "it does not allow this ({code}): nothing is recorded",
                ("Run edgeward status: its alarm says why, and what to do.",),
            ),
        },
    ),
    "vid.present": CheckWords(
        "Capture device",
        {
            "good": Sentence("plugged in"),
            "missing": Sentence(
                "it is not there",
                (
                    "Plug it in, directly into the box, without a hub.",
                    "Does lsusb or lspci show it? If not, try another port, then another device.",
                    "Was it exchanged? Then the path in [channel.source] is another one.",
                ),
            ),
            "unstable": Sentence(
                "it is configured by a name that another device may get at the next start",
                ("Write its link of /dev/v4l/by-id or by-path into [channel.source].",),
            ),
            "slow-port": Sentence(
                "it is on a slow USB port ({speed})",
                ("Plug it into a blue port, or one that is marked SS, with a short cable.",),
            ),
        },
    ),
    "vid.content": CheckWords(
        "What the picture shows",
        {
            "good": Sentence("there is something to see"),
            "no-signal": Sentence(
                "it shows the grabber's own card: no signal comes in",
                (
                    "Is the device on, and its output the right one?",
                    "Is the cable plugged in at both ends? Try another cable.",
                ),
            ),
            "black": Sentence(
                "it is black",
                (
                    "Is the device's own monitor black too? Then it is off, or its lens is covered.",
                    "If its monitor shows a picture: is the output protected (HDCP)? Switch that off there.",
                ),
            ),
            "frozen": Sentence(
                "it stands still",
                (
                    "Does something move before the camera? If nothing does, this is no fault.",
                    "Switch the device off and on between two examinations.",
                ),
            ),
            "covered": Sentence(
                "the lens is covered",
                (
                    "Take away what is before the lens.",
                    "Was it covered on purpose? Tell who is responsible for the plan.",
                ),
            ),
            "defocused": Sentence(
                "it is blurred",
                (
                    "Clean the lens.",
                    "Set the focus: on the camera's own page, or on the lens.",
                ),
            ),
        },
    ),
    "vid.gaps": CheckWords(
        "Gaps of the last day",
        {
            "good": Sentence("{seconds} s are missing"),
            "some": Sentence(
                "{count} gaps, {seconds} s in all; most by {cause}",
                (
                    "Compare with when the device was switched off or unplugged.",
                    "Check again tomorrow, and compare.",
                ),
            ),
            "many": Sentence(
                "{count} gaps, {seconds} s in all; most by {cause}",
                (
                    "source-lost, signal-lost: the cable, the camera's power, the network (net.link).",
                    "disk: see store.write and store.smart. process-died: send the bundle to us.",
                    "overload: see host.load. restart: see host.power.",
                ),
            ),
        },
    ),
    "vid.jitter": CheckWords(
        "Evenness of pictures",
        {
            "good": Sentence("{measured} at most"),
            "uneven": Sentence(
                "pictures come up to {measured} early or late",
                ("A network camera: is its connection shared with much other traffic? Ask hospital IT.",),
            ),
            "jerky": Sentence(
                "pictures come up to {measured} early or late: motion is jerky and pictures will be lost",
                (
                    "Look at net.link and host.load.",
                    "A network camera over Wi-Fi: connect it by cable.",
                ),
            ),
        },
    ),
    "spec.hour": CheckWords(
        "Recorded in the last hour",
        {
            "good": Sentence("all {segments} segments keep to the spec"),
            "some": Sentence(
                "{broken} of {segments} segments break the spec: {rules}",
                ("Look at the check of that name here, and check again in an hour.",),
            ),
            "many": Sentence(
                "{broken} of {segments} segments break the spec: {rules}",
                (
                    "Set the device to the spec: see vid.mode, vid.fps and vid.content.",
                    "If the device can't, have the collection plan corrected by who is responsible.",
                ),
            ),
        },
    ),
    "spec.enforce": CheckWords(
        "Judge of the spec",
        {
            "good": Sentence("it passes what is right and catches what is wrong"),
            "blind": Sentence(
                "it does not catch a wrong size or rate: its verdicts mean nothing",
                (
                    "Send the bundle to us now: edgeward bundle.",
                    "Recording goes on; have the recordings of this box judged again elsewhere.",
                ),
            ),
            "strict": Sentence(
                "it finds fault with a stream that is right",
                ("Is the spec of this channel consistent? Send it to us with the bundle.",),
            ),
        },
    ),
}
