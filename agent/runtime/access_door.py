"""Asks the keeper of this computer, at its local door, to enter an access record in the ledger.

Guarantees: None only when no keeper listens; an answer that is no success is a refusal, so that nothing is
opened against the keeper's word or without knowing it. Leaves out the record itself (`access_records.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.control import client
from agent.formats.config_v1 import AgentConfig
from agent.model.commands import CommandType, Status
from agent.model.errors import Refuse, Retry
from agent.model.outgoing import Json


def ask_keeper(config: AgentConfig, facts: Mapping[str, Json]) -> int | None:
    """Index of the leaf. Raises `Refuse` `access.refused`, `door.forbidden`; `Retry` `door.no-answer`."""
    try:
        answer = client.ask(config.box.runtime_dir, CommandType.ACCESS_RECORD, facts)
    except Retry as error:
        if error.code == "door.none":
            return None
        raise
    result = answer.get("result")
    leaf = result.get("leaf") if isinstance(result, dict) else None
    if answer.get("status") != Status.SUCCEEDED.value or not isinstance(leaf, int):
        raise Refuse(
            "access.refused",
            f"the agent did not enter the access: {answer.get('text')} [{answer.get('reason')}]",
            str(answer.get("advice") or "look at the agent's log"),
        )
    return leaf
