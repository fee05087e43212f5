"""Asks network cameras who they are, in a process of its own: `python -m agent.runtime.device_asking`.

Guarantees: what cameras answer is parsed here and not in the keeper, which holds keys; the logins come on
standard input, never on the command line, and nothing of them goes out again. Takes a list of
`{channel, url, username, password, profile}`, gives an object by channel: `{manufacturer, model, firmware,
stream_url}` or `{error}`. The caller sets the time limit, and distrusts what comes back.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from agent.device.onvif_client import prepare
from agent.device.onvif_soap import Limits
from agent.host.clock import SystemClock
from agent.model.errors import AgentError
from agent.model.outgoing import Json
from agent.model.source_settings import OnvifSettings

LIMITS = Limits(call_s=2.0, total_s=4.0)
_AT_ONCE = 8


def main() -> None:
    """Reads, asks all at once, writes."""
    asked = json.load(sys.stdin)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(_ask, asked)
        json.dump({one["channel"]: answer for one, answer in zip(asked, answers, strict=True)}, sys.stdout)


def _ask(one: Mapping[str, str | None]) -> dict[str, Json]:
    settings = OnvifSettings(
        url=str(one["url"]),
        username=one["username"],
        password=one["password"],
        profile=one["profile"],
        configure=False,
        spec=None,
    )
    try:
        prepared = prepare(settings, SystemClock(), os.urandom, LIMITS)
    except AgentError as error:
        return {"error": error.code}
    report = prepared.report
    return {
        "manufacturer": report.manufacturer,
        "model": report.model,
        "firmware": report.firmware,
        "stream_url": prepared.stream_url,
    }


if __name__ == "__main__":
    main()
