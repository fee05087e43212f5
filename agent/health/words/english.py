"""English, as the whole of what is said in it: its checks, the engine and the labels."""

from __future__ import annotations

from agent.health.words import english_box, english_service
from agent.health.words.sentences import Language, Sentence
from agent.model.finding import Status

WORDS = Language(
    checks={**english_box.CHECKS, **english_service.CHECKS},
    engine={
        "skipped": Sentence("not checked: {reason} {detail}"),
        "timed-out": Sentence(
            "the check gave no answer within {limit}",
            ("Run it again alone: edgeward check --only ID.", "If it hangs again, send the bundle to us."),
        ),
        "raised": Sentence("the check itself failed ({error})", ("Send the bundle to us: edgeward bundle.",)),
        "refused": Sentence("{text} [{code}]", ("{advice}",)),
    },
    skip_reasons={
        "no-agent": "the agent is not running",
        "no-hardware": "this computer has no such part",
        "no-program": "a program is not installed:",
        "no-privilege": "this needs more rights (run it with sudo)",
        "not-configured": "it is not configured here",
        "recording": "it would disturb a recording",
        "too-early": "the agent has not run long enough",
    },
    statuses={
        Status.PASS: "PASS",
        Status.WARN: "WARN",
        Status.FAIL: "FAIL",
        Status.SKIP: "SKIP",
        Status.CRASH: "CRASH",
    },
    owners={
        "technician": "technician",
        "hospital-it": "hospital IT",
        "biomedical": "biomedical engineering",
        "maker": "edgeward support",
    },
    labels={
        "report": "Check report",
        "box": "Box",
        "made": "Made",
        "technician": "Technician",
        "profile": "Checks",
        "good": "Nothing is wrong.",
        "bad": "Something needs attention.",
        "rest": "Everything else",
        "was": "before: {status}",
        "signed": "Signed by the box; the signed file lies beside this page and is what counts.",
        "measured": "measured",
        "required": "required",
        "do": "Do this",
        "owner": "Whose work",
        "summary": "{passed} good, {warned} to watch, {failed} wrong, {skipped} unchecked, {crashed} broken",
        "complete": "Everything that must be checked was checked.",
        "incomplete": "The check is INCOMPLETE: something that must be checked was not.",
    },
)
