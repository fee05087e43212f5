"""English: certificates, witness, broker, what waits for it."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "crypto.certificate": CheckWords(
        "Box's certificate",
        {
            "good": Sentence("valid for {days} more days, until {end}"),
            "ageing": Sentence(
                "ends in {days} days, on {end}",
                ("Renew it: edgeward enroll, have the request signed, edgeward enroll --install.",),
            ),
            "ending": Sentence(
                "ends in {days} days, on {end}: then the controller hears nothing from this box",
                (
                    "Tell hospital IT today.",
                    "Renew it: edgeward enroll, have the request signed, edgeward enroll --install.",
                ),
            ),
            "expired": Sentence(
                "ended on {end}: the controller's broker refuses this box; recording goes on",
                (
                    "Is the clock right? See host.time.",
                    "Renew it: edgeward enroll, have the request signed, edgeward enroll --install.",
                ),
            ),
            "early": Sentence(
                "is not valid yet",
                (
                    "Is the clock right? See host.time.",
                    "If it is: ask hospital IT for a certificate that is valid now.",
                ),
            ),
            "name": Sentence(
                "is made out to {name}, this box is called {box}",
                (
                    "Is this the right box? Compare its label.",
                    "Renew it: edgeward enroll, have the request signed, edgeward enroll --install.",
                ),
            ),
            "exposed": Sentence(
                "others can read its private key",
                (
                    "Run sudo chmod 0400 on the file of [mqtt] key_file.",
                    "If others may have read it: make a new key, and have the old certificate revoked.",
                ),
            ),
            "unreadable": Sentence(
                "can't be read: {problem}",
                ("Renew it: edgeward enroll, have the request signed, edgeward enroll --install.",),
            ),
        },
    ),
    "crypto.custodians": CheckWords(
        "Custodians' keys",
        {
            "good": Sentence("a custodian may lose his key"),
            "no-spare": Sentence(
                "when one more key is lost, recordings can never be opened again",
                (
                    "Have another custodian make a key: edgeward keygen.",
                    "Add what it prints to custodians.recipients; restart between two examinations.",
                    "It counts for recordings that begin from then on.",
                ),
            ),
        },
    ),
    "ledger.witness": CheckWords(
        "Witness of the ledger",
        {
            "good": Sentence("the newest leaves were seen by a witness"),
            "late": Sentence(
                "{unseen} leaves wait for a witness, the first for {hours} h; the record goes on",
                (
                    "Is the controller connected? See mqtt.session.",
                    "Ask hospital IT whether the witness program runs.",
                ),
            ),
            "unseen": Sentence(
                "no witness has seen {unseen} leaves for {hours} h: only this box vouches for them",
                (
                    "Is the controller connected? See mqtt.session.",
                    "Ask hospital IT whether the witness program runs, and for its alarms.",
                    "Copy the ledger away by hand: edgeward ledger export.",
                ),
            ),
        },
    ),
    "retention.overdue": CheckWords(
        "Retention",
        {
            "good": Sentence("nothing is overdue"),
            "overdue": Sentence(
                "recordings have been due for destruction for more than 30 days",
                (
                    "Run edgeward retention plan: it lists them.",
                    "Ask who is responsible to request their destruction, or to set a hold.",
                ),
            ),
        },
    ),
    "net.tls": CheckWords(
        "Broker's certificate",
        {
            "good": Sentence("trusted, and valid for {days} more days"),
            "ending": Sentence(
                "ends in {days} days: after that no box will connect",
                ("Tell hospital IT: the broker's certificate must be renewed.",),
            ),
            "untrusted": Sentence(
                "this box does not trust the broker: {detail}",
                (
                    "Is the clock right? See host.time.",
                    "Ask hospital IT for the authority's certificate: was the broker's one changed?",
                    "Do not go on without: somebody may be in between.",
                ),
            ),
            "no-tls": Sentence(
                "the broker's port speaks no TLS that this box can: {detail}",
                (
                    "Is the port in [mqtt] the broker's TLS port, usually 8883?",
                    "Ask hospital IT which versions of TLS the broker allows.",
                ),
            ),
        },
    ),
    "net.mtu": CheckWords(
        "Packet size",
        {
            "good": Sentence("packets of {mtu} bytes get through"),
            "small": Sentence(
                "only packets of {mtu} bytes get through to the broker",
                ("Ask hospital IT: is there a VPN or tunnel on the way, and is its MTU meant?",),
            ),
        },
    ),
    "mqtt.commands": CheckWords(
        "Commands",
        {
            "good": Sentence("the box hears what the controller tells it"),
            "deaf": Sentence(
                "the broker does not let this box hear its commands",
                (
                    "Ask hospital IT to look at the broker's access list (docs/broker.md).",
                    "Commands at the local door work all the same.",
                ),
            ),
        },
    ),
    "mqtt.acl": CheckWords(
        "Broker's access list",
        {
            "good": Sentence("a box can't speak for another one"),
            "open": Sentence(
                "this box could speak for another one: the broker took a message under a foreign name",
                (
                    "Tell hospital IT: the access list of docs/broker.md is not in force.",
                    "Until it is, do not believe which box a message comes from.",
                ),
            ),
        },
    ),
    "config.sent": CheckWords(
        "Sent configuration",
        {
            "good": Sentence("what was sent last is in effect, or nothing was sent"),
            "rolled-back": Sentence(
                "what was sent last is not in effect ({why}): the box went back to the one before it",
                (
                    "Tell who sent it: the box goes on under the configuration that worked.",
                    "config.not-healthy: a channel or the controller was missing under it. config.wrong: "
                    "edgeward config check -c FILE says why.",
                    "When the cause is found, have it sent again.",
                ),
            ),
            "damaged": Sentence(
                "the box's memory of what was sent is damaged; the file on the box is in effect",
                (
                    "Compare the file with what is wanted, and have it sent again.",
                    "See store.smart and host.kernel_log: why was it damaged?",
                ),
            ),
        },
    ),
    "store.spool": CheckWords(
        "Messages that wait",
        {
            "good": Sentence("{rows} wait, none for long"),
            "late": Sentence(
                "{rows} messages wait for the controller, the oldest for {hours} h",
                (
                    "Is the controller connected? See mqtt.session.",
                    "Nothing is lost: they are sent when it is.",
                ),
            ),
            "refused": Sentence(
                "the broker refused {refused} messages for good",
                ("Tell hospital IT: look at the broker's access list and packet limit (docs/broker.md).",),
            ),
            "full": Sentence(
                "the store of messages is {percent} % full: the oldest go soon; the ledger keeps all",
                (
                    "Connect the controller: see mqtt.session.",
                    "If that takes days: copy the ledger away with edgeward ledger export.",
                ),
            ),
        },
    ),
}
