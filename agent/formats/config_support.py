"""The `[support]` table of `agent.toml`: who may read a support bundle.

Leaves out whether the recipient can be sealed to: `config_rules.py` asks that of the caller.
"""

from __future__ import annotations

from pydantic import Field

from agent.formats.config_model import StrictModel


class SupportConfig(StrictModel):
    """Whom the box trusts with its diagnostics."""

    recipient: str = Field(description="age recipient of those who read support bundles (`edgeward bundle`).")
