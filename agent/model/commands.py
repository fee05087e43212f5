"""Commands: what a box can be asked to do, by whom, and with how many signatures.

Guarantees: the table below is the whole of it; a word that is not in it is no command. Leaves out the bytes
(`formats/command_v1.py`), the checks (`control/`) and the doing (`runtime/`). A handler gets a command
only after every check, and must be safe to call again with the same command after a power cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from agent.model.outgoing import Json


class CommandType(StrEnum):
    """The closed list of operations."""

    ACCESS_RECORD = "access.record"
    ALARM_ACKNOWLEDGE = "alarm.acknowledge"
    CHANNEL_START = "channel.start"
    CHANNEL_STOP = "channel.stop"
    CHECK_RUN = "check.run"
    CONFIG_PROPOSE = "config.propose"
    DESTROY_APPROVE = "destroy.approve"
    DESTROY_EXECUTE = "destroy.execute"
    DESTROY_REQUEST = "destroy.request"
    HOLD_CLEAR = "hold.clear"
    HOLD_SET = "hold.set"
    IDENTIFY = "identify"
    LEDGER_PROVE = "ledger.prove"
    LEVEL_RAISE = "level.raise"
    MAINTENANCE = "maintenance"
    PLAN_SET = "plan.set"
    REBIRTH = "rebirth"
    REPORT_ENTER = "report.enter"
    RETENTION_RUN = "retention.run"
    TICKETS_IMPORT = "tickets.import"


class Role(StrEnum):
    """What a person may do (STD 7.6 a, STD 9.2): least privilege, no role holds another."""

    VIEWER = "viewer"  # asks, changes nothing
    OPERATOR = "operator"  # day-to-day work
    ADMINISTRATOR = "administrator"  # configuration and plans
    APPROVER = "approver"  # destruction and holds


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRule:
    """Who may, how many of them must sign, and whether the present birth's nonce must be inside."""

    roles: frozenset[Role]
    signatures: int = 1
    privileged: bool = False
    # May be asked unsigned at the local door by whom its socket's mode lets in; the uid is recorded.
    local: bool = False


_READ = CommandRule(roles=frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR}), local=True)
_OPERATE = CommandRule(roles=frozenset({Role.OPERATOR}), local=True)
_POLICY = CommandRule(roles=frozenset({Role.ADMINISTRATOR}), signatures=2, privileged=True)
_APPROVE = CommandRule(roles=frozenset({Role.APPROVER}), privileged=True)

# mqtt.md's table of classes. An approval of a destruction is one command with one signature; the box
# counts distinct keys over its own challenge: 2, or 3 for level 5.
RULES: Mapping[CommandType, CommandRule] = {
    CommandType.ACCESS_RECORD: _OPERATE,
    CommandType.ALARM_ACKNOWLEDGE: _OPERATE,
    CommandType.CHANNEL_START: _OPERATE,
    CommandType.CHANNEL_STOP: _OPERATE,
    CommandType.CHECK_RUN: _READ,
    CommandType.CONFIG_PROPOSE: _POLICY,
    CommandType.DESTROY_APPROVE: _APPROVE,
    CommandType.DESTROY_EXECUTE: CommandRule(
        roles=frozenset({Role.OPERATOR, Role.APPROVER}), privileged=True, local=True
    ),
    CommandType.DESTROY_REQUEST: CommandRule(
        roles=frozenset({Role.OPERATOR, Role.APPROVER}), privileged=True, local=True
    ),
    CommandType.HOLD_CLEAR: CommandRule(roles=frozenset({Role.APPROVER}), signatures=2, privileged=True),
    CommandType.HOLD_SET: CommandRule(roles=frozenset({Role.OPERATOR, Role.APPROVER}), local=True),
    CommandType.IDENTIFY: _OPERATE,
    CommandType.LEDGER_PROVE: _READ,
    CommandType.LEVEL_RAISE: _OPERATE,
    CommandType.MAINTENANCE: _OPERATE,
    CommandType.PLAN_SET: _POLICY,
    CommandType.REBIRTH: _READ,
    CommandType.REPORT_ENTER: _OPERATE,
    CommandType.RETENTION_RUN: _OPERATE,
    CommandType.TICKETS_IMPORT: _OPERATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An operation that passed every check. `signers` are operators' names, or one `uid:N` at the door."""

    id: str
    type: CommandType
    args: Mapping[str, Json]
    signers: tuple[str, ...]


class Status(StrEnum):
    """What an answer says; only `ACCEPTED` and `EXECUTING` are followed by another one."""

    REJECTED = "rejected"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the box says to a command. `reason` is a stable code, `leaf` an index in the ledger."""

    status: Status
    cmd_id: str | None = None
    type: str | None = None
    reason: str | None = None
    text: str | None = None
    advice: str | None = None
    result: Mapping[str, Json] | None = None
    leaf: int | None = None


# Does it and gives the result for the answer (at most 8 KiB of JSON, no floats); raises `AgentError` when it
# can't be done. Runs on the keeper's main thread, so it must be short.
Handler: TypeAlias = Callable[[Command], Mapping[str, Json]]
