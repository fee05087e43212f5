"""Commands: rules, drafts, signatures, state (docs/formats/console-api-v1.md, "Signing a command")."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.responses import Response

from agent.console import history
from agent.console.accounts import Accounts
from agent.console.api.ask import Ask, bad, choice, listed
from agent.console.audit import Entry
from agent.console.drafts import Signer
from agent.console.orders import from_row
from agent.console.post import Post
from agent.console.shape import positive, text
from agent.console.writer import Reader, Writer
from agent.formats import command_v1
from agent.formats.config_operators import OperatorConfig
from agent.model.commands import RULES, CommandType
from agent.model.errors import AgentError, Refuse
from agent.model.outgoing import Json

_NOTE = text(command_v1.MAX_NOTE)
_BOX = text(64)


def _object(value: object) -> bool:
    return type(value) is dict


class CommandPages:
    """See the module's text. `tell` is called when a command may have to go out now."""

    def __init__(
        self, post: Post, people: Accounts, operators: Iterable[OperatorConfig], writer: Writer,
        reader: Reader, tell: Callable[[], None],
    ) -> None:  # fmt: skip
        self._post = post
        self._people = people
        self._operators = {one.name: one for one in operators}
        self._writer = writer
        self._reader = reader
        self._tell = tell

    async def list(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/commands`. What is open comes from memory, so that it is there without a database."""
        asked = ask.asked("box", "state", "limit", "before")
        state = choice(asked["state"], "all", "open", "done", "all")
        limit, before = ask.page()
        box = asked["box"]
        if state == "open":
            found = sorted(self._post.book.open.values(), key=lambda one: one.cmd_id, reverse=True)
            rows = [
                one.json()
                for one in found
                if box in (None, one.box) and (before is None or one.cmd_id < before)
            ]
            return listed(rows[:limit], limit, "cmd_id")
        await self._writer.flush()
        stored = await self._reader.read(lambda db: history.commands(db, box, state, limit, before))
        return listed([from_row(one).json() for one in stored], limit, "cmd_id")

    async def rules(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/commands/rules`."""
        ask.asked()
        items: list[Json] = [
            {
                "type": kind.value, "roles": list(map(str, sorted(rule.roles))),
                "signatures": rule.signatures, "privileged": rule.privileged,
            }
            for kind, rule in RULES.items()
        ]  # fmt: skip
        operators: list[Json] = [
            {
                "name": one.name, "roles": list(one.roles), "key": one.key,
                "account": self._people.holder(one.name),
            }
            for one in self._operators.values()
        ]  # fmt: skip
        return {"items": items, "operators": operators}

    async def draft(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/commands/draft`."""
        ask.fields({"box": _BOX, "type": text(64), "args": _object, "valid_s": positive})
        signer = self._signer(ask)
        try:
            kind = CommandType(ask.body["type"])
        except ValueError:
            advice = "see /api/v1/commands/rules"
            raise Refuse("command.unknown-type", "there is no such command", advice) from None
        operator = self._operators[signer.operator]
        if not {str(role) for role in RULES[kind].roles} & set(operator.roles):
            raise Refuse("command.role", "your key may not sign this", "somebody else must give this command")
        made = self._post.draft(
            kind, ask.body["args"], box=ask.body["box"], by=signer.operator, key=key_of(operator),
            valid_s=ask.body["valid_s"], now=ask.now,
        )  # fmt: skip
        self._writer.put(
            ask.entry(
                "command.draft", object=str(made["cmd_id"]), box=str(made["box"]), detail=str(made["type"])
            )
        )
        return made

    async def make(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/commands`: the first signature."""
        ask.fields({"note": _NOTE})
        signer, entry = self._signer(ask), ask.entry("command.sign")
        try:
            order = await self._post.first(ask.body["note"], signer, entry, ask.now)
        except Refuse as error:
            raise self._refused(entry, error) from None
        self._tell()
        return order.json()

    async def sign(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/commands/{cmd_id}/signatures`."""
        ask.fields({"note": _NOTE})
        signer, entry = self._signer(ask), ask.entry("command.sign")
        try:
            order = await self._post.another(
                ask.path["cmd_id"], ask.body["note"], signer, entry, ask.now
            )  # fmt: skip
        except Refuse as error:
            raise self._refused(entry, error) from None
        self._tell()
        return order.json()

    async def withdraw(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/commands/{cmd_id}/withdraw`."""
        ask.fields({"reason": text(500)})
        reason = ask.body["reason"].strip()
        if not reason:
            raise bad("the reason is missing")
        entry = ask.entry("command.withdraw")
        order = await self._post.withdraw(
            ask.path["cmd_id"], ask.account.account, reason, entry, ask.now
        )  # fmt: skip
        return order.json()

    async def one(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/commands/{cmd_id}`."""
        await self._writer.flush()
        row, steps = await self._reader.read(lambda db: history.command(db, ask.path["cmd_id"]))
        found = self._post.book.open.get(ask.path["cmd_id"]) or (None if row is None else from_row(row))
        if found is None:
            raise Refuse("command.unknown", "there is no such command", "see the list")
        return {**found.json(), "note": found.note, "steps": [*steps]}

    async def note(self, ask: Ask) -> Response:
        """`GET /api/v1/commands/{cmd_id}/note`."""
        found = await self.one(ask)
        name = f"{found['type']}-{found['cmd_id']}.note"
        return Response(
            str(found["note"]), media_type="text/plain",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip

    def _signer(self, ask: Ask) -> Signer:
        operator = ask.account.operator
        if operator is None or operator not in self._operators:
            raise Refuse(
                "command.not-your-key", "your account has no operator's key",
                "an administrator binds your account to your [[operator]]",
            )  # fmt: skip
        return Signer(account=ask.account.account, operator=operator)

    def _refused(self, entry: Entry, error: AgentError) -> AgentError:
        self._writer.put(
            Entry(
                at=entry.at, action=entry.action, account=entry.account, terminal=entry.terminal,
                result="refused", code=error.code,
            )
        )  # fmt: skip
        return error


def key_of(operator: OperatorConfig) -> str:
    """Under which a key's counters are kept: its name and id."""
    return "+".join(operator.key.split("+", 2)[:2])
