"""Errors that say what happened, to what, and what to do next.

Guarantees: every error has a stable code (used unchanged in logs, MQTT, the ledger and the command
line) and an advice. There are exactly three branches: `Retry` (try again after a delay), `Refuse`
(this input or command is bad; go on without it) and `Halt` (integrity is at risk; stop this stage).
The caller must never put a password, key, patient name or picture into a text.
"""

from __future__ import annotations


class AgentError(Exception):
    """Base of all errors that cross a module border. Use one of the three branches below."""

    def __init__(self, code: str, text: str, advice: str) -> None:
        super().__init__(f"{text} [{code}]")
        self.code = code
        self.text = text
        self.advice = advice


class Retry(AgentError):
    """The cause may pass: try again after `after_s` seconds."""

    def __init__(self, code: str, text: str, advice: str, *, after_s: float) -> None:
        super().__init__(code, text, advice)
        self.after_s = after_s


class Refuse(AgentError):
    """This input, file or command is bad. Everything else goes on."""


class Halt(AgentError):
    """Integrity is at risk: the stage that raised this must stop."""
