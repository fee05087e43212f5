"""English: network, service, security, pictures."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "vid.signal": CheckWords(
        "Picture",
        {
            "good": Sentence("pictures come, the last one was safe {age} ago"),
            "absent": Sentence(
                "no picture comes from the device",
                (
                    "Is the device on, and does its own monitor show a picture?",
                    "Is the cable plugged in at both ends? Try another cable.",
                    "A network camera: is its lamp on, and is its address the one in the configuration?",
                    "Run edgeward probe with this source: it says why it can't be opened.",
                ),
            ),
            "not-stored": Sentence(
                "pictures come, but none was stored for {age}",
                ("Run edgeward status and do what its alarms say.", "Send the bundle to us."),
            ),
        },
    ),
    "net.link": CheckWords(
        "Network cable",
        {
            "good": Sentence("{links}"),
            "slow": Sentence(
                "a network connection is slow: {links}",
                ("Replace the cable by a CAT 5e or better one.", "Ask hospital IT for a 1 Gbit/s port."),
            ),
            "cable": Sentence(
                "a network connection loses data: {links}",
                ("Replace the cable.", "Try another port of the switch, with hospital IT."),
            ),
        },
    ),
    "mqtt.session": CheckWords(
        "Controller",
        {
            "good": Sentence("connected to the controller's broker"),
            "unreachable": Sentence(
                "the controller's broker can't be reached ({error}); recording goes on",
                (
                    "Is the network cable plugged in, and does its lamp show a link?",
                    "Ask hospital IT: is the broker running, and does the firewall let this box through?",
                ),
            ),
            "refused": Sentence(
                "the controller's broker refuses this box ({error}); recording goes on",
                ("Ask hospital IT to enrol this box, or to renew its password or certificate.",),
            ),
            "certificate": Sentence(
                "the broker's certificate and ours do not fit ({error}); recording goes on",
                ("Is the clock right? See host.time.", "Ask hospital IT to renew the certificate."),
            ),
        },
    ),
    "svc.unit": CheckWords(
        "Service",
        {
            "good": Sentence("the service is active and watched"),
            "not-running": Sentence(
                "the service is {state}: nothing is recorded",
                (
                    "Run sudo systemctl start edgeward.",
                    "If it does not stay active: sudo journalctl -u edgeward -n 50 says why.",
                ),
            ),
            "no-watchdog": Sentence(
                "systemd does not watch the agent", ("Install the shipped unit again: systemd/install.sh.",)
            ),
            "restarted": Sentence(
                "systemd had to start the agent again {restarts} times",
                ("Run sudo journalctl -u edgeward and look for the reason.", "Send the bundle to us."),
            ),
        },
    ),
    "sec.ports": CheckWords(
        "Open ports",
        {
            "good": Sentence("nothing listens that should not"),
            "open": Sentence(
                "programs on this box listen to the network on port {ports}",
                (
                    "Run sudo ss -ltnp: it names the programs.",
                    "End and remove what does not belong to this box, with hospital IT.",
                ),
            ),
        },
    ),
    "sec.boot": CheckWords(
        "Secure boot",
        {
            "good": Sentence("only signed systems start"),
            "off": Sentence(
                "another system could be started on this box",
                ("Turn on secure boot in the firmware's set-up.", "Set a password for the set-up."),
            ),
        },
    ),
    "sec.media": CheckWords(
        "Removable media",
        {
            "good": Sentence("none is plugged in"),
            "plugged": Sentence(
                "a removable medium is plugged in: {names}",
                ("Pull it out. If nobody knows whose it is, give it to the security officer.",),
            ),
        },
    ),
    "vid.mode": CheckWords(
        "Picture size",
        {
            "good": Sentence("{measured}, as required"),
            "other": Sentence(
                "the device delivers {measured}, the collection spec asks for {required}",
                (
                    "Set the device's output to {required}.",
                    "If the device can't do that, have the collection plan corrected by who is responsible.",
                ),
            ),
        },
    ),
    "vid.fps": CheckWords(
        "Picture rate",
        {
            "good": Sentence("{measured}, as required"),
            "off": Sentence(
                "pictures come at {measured}",
                (
                    "Set the device's output rate to what is required.",
                    "A network camera: does it darken its rate at night? Turn that off.",
                    "Is the network connection fast enough? See net.link.",
                ),
            ),
        },
    ),
    "spec.verdict": CheckWords(
        "Collection spec",
        {
            "good": Sentence("the recording keeps to its spec"),
            "degraded": Sentence(
                "the recording keeps to its spec only just", ("Run edgeward status: it says which rule.",)
            ),
            "nonconforming": Sentence(
                "the recording breaks its spec",
                ("Run edgeward status: it says which rule, measured and required.", "Set the device to it."),
            ),
        },
    ),
    "vid.restarts": CheckWords(
        "Channel's process",
        {
            "good": Sentence("it has run through"),
            "some": Sentence(
                "it was started again {restarts} times", ("Run the check again tomorrow, and watch this.",)
            ),
            "often": Sentence(
                "it was started again {restarts} times: each is a gap in the recording",
                ("Is the device's firmware up to date?", "Send the bundle to us."),
            ),
        },
    ),
    "net.route": CheckWords(
        "Way out",
        {
            "good": Sentence("one, over {interfaces}"),
            "none": Sentence(
                "there is no default route: the controller can be reached on its own network only",
                ("Ask hospital IT for the gateway, if the controller is on another network.",),
            ),
            "several": Sentence(
                "there are several ways out, over {interfaces}: networks may be joined",
                ("Remove the gateway from the interface of the capture network.",),
            ),
            "shared": Sentence(
                "cameras are on the network that is also the way out, over {interfaces}",
                (
                    "Ask hospital IT for a network (VLAN) of the cameras' own, without a gateway.",
                    "Until then: does a firewall keep everybody but this box from the cameras?",
                ),
            ),
        },
    ),
    "net.broker": CheckWords(
        "Broker's port",
        {
            "good": Sentence("it answers"),
            "no-name": Sentence(
                "the broker's name has no address",
                ("Ask hospital IT for the broker's name, and for the address of the name server.",),
            ),
            "no-answer": Sentence(
                "the broker's port does not answer",
                (
                    "Is the network cable plugged in? See net.link.",
                    "Ask hospital IT: is the broker running, and does the firewall let this box through?",
                ),
            ),
        },
    ),
    "svc.memory": CheckWords(
        "Agent's memory",
        {
            "good": Sentence("{mib} MiB at most"),
            "large": Sentence(
                "{mib} MiB in one process: more than usual", ("Check again tomorrow, and compare.",)
            ),
            "leaks": Sentence(
                "{mib} MiB in one process: it leaks",
                ("Between two examinations: sudo systemctl restart edgeward.", "Send the bundle to us."),
            ),
        },
    ),
    "svc.alarms": CheckWords(
        "Alarms",
        {
            "good": Sentence("none is raised"),
            "raised": Sentence("raised: {codes}", ("Run edgeward status: each alarm says what to do.",)),
        },
    ),
    "svc.journal": CheckWords(
        "System's log",
        {
            "good": Sentence("it outlives a restart"),
            "volatile": Sentence(
                "it is lost at every restart",
                ("Run sudo mkdir -p /var/log/journal and sudo systemctl restart systemd-journald.",),
            ),
        },
    ),
    "svc.exposure": CheckWords(
        "Sandbox",
        {
            "good": Sentence("exposure {level}"),
            "loose": Sentence(
                "exposure {level}: looser than shipped", ("Install the shipped unit: systemd/install.sh.",)
            ),
            "open": Sentence(
                "exposure {level}: the service is hardly confined",
                (
                    "Look for changes: systemctl cat edgeward.",
                    "Install the shipped unit: systemd/install.sh.",
                ),
            ),
        },
    ),
    "sec.ssh": CheckWords(
        "Login",
        {
            "good": Sentence("with keys only"),
            "password": Sentence(
                "a password is enough to log in over the network: {ways}",
                (
                    "Put a key of the hospital's IT into authorized_keys and try it.",
                    "Set PasswordAuthentication no and PermitRootLogin no in sshd_config, restart ssh.",
                ),
            ),
        },
    ),
    "sec.firewall": CheckWords(
        "Firewall",
        {
            "good": Sentence("what nobody asked for is dropped"),
            "none": Sentence(
                "everything may come in",
                ("Ask hospital IT for a rule set whose input chain has the policy drop.",),
            ),
        },
    ),
    "sec.transport": CheckWords(
        "Camera's connection",
        {
            "good": Sentence("encrypted"),
            "clear": Sentence(
                "pictures and password cross the network in clear",
                (
                    "Can the camera do RTSP over TLS? Turn it on and write rtsps:// in the configuration.",
                    "If not: is it on a network of its own, which only this box can reach?",
                ),
            ),
        },
    ),
}
