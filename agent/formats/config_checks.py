"""The table `[checks]` of `agent.toml`: what the site allows the health checks to find, and to try.

Guarantees: nothing is tried on a camera's login unless it is switched on here. Leaves out the checks
themselves (`agent/health/checks/`) and which login a maker ships (`agent/health/vendor_logins.py`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.formats.config_model import StrictModel

Port = Annotated[int, Field(ge=1, le=65535)]


class ChecksConfig(StrictModel):
    """How this site wants to be checked."""

    # ssh for the hospital's IT.
    allowed_ports: tuple[Port, ...] = Field(
        default=(22,), max_length=32, strict=False, description="TCP ports that may listen to the network."
    )
    try_vendor_default: bool = Field(
        default=False,
        description="Try once per check whether a camera still takes the login that its maker ships.",
    )
