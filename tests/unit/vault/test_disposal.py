"""The account of recordings: orders that are possible, and each one that is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, ClockQuality, rfc3339
from agent.vault.disposal import DisposalAccount, State
from agent.vault.disposal_plan import Ground, Policy, check_request, evictable, plan_run, term_of
from agent.vault.retention import DAY_NS
from tests.fakes.clock import START_WALL_NS

WARD: dict[str, Json] = {
    "rule": "ward", "keep_days": 90, "keep_years": None, "study": None, "study_end": None,
}  # fmt: skip
SHA = "ab" * 32


@dataclass(slots=True)
class Story:
    """Leaves one after the other, a second apart."""

    account: DisposalAccount = field(default_factory=DisposalAccount)
    n: int = 0
    wall_ns: int = START_WALL_NS
    quality: ClockQuality = ClockQuality.SYNCED

    def tell(self, kind: LeafType, **body: Json) -> tuple[str, ...]:
        self.wall_ns += NS_PER_S
        leaf = Leaf(
            box="or-3", boot=1, n=self.n, wall=rfc3339(self.wall_ns), mono_ns=self.n, clk=self.quality,
            type=kind, std=(), actor="a", authority="b", body=body,
        )  # fmt: skip
        self.n += 1
        return self.account.take(leaf)

    def opened(self, name: str, *, level: int = 2, ticket: str | None = None, channel: str = "ch0") -> None:
        body: Mapping[str, Json] = {"recording": name, "channel": channel, "level": level, "ticket": ticket}
        assert self.tell(LeafType.RECORDING_OPENED, **body, retention=WARD) == ()

    def closed(self, name: str, *, size: int = 1000) -> None:
        assert self.tell(LeafType.SEGMENT, recording=name, size_bytes=size) == ()
        body: Mapping[str, Json] = {"recording": name, "root": SHA, "end": rfc3339(self.wall_ns)}
        assert self.tell(LeafType.RECORDING_CLOSED, **body) == ()

    def requested(
        self, request: str, *names: str, by: str = "anna", expires: int | None = None
    ) -> tuple[str, ...]:
        return self.tell(
            LeafType.DESTROY_REQUESTED,
            request=request,
            recordings=[*names],
            requested_by=[by],
            approvals_needed=2,
            expires=rfc3339(self.wall_ns + 14 * DAY_NS if expires is None else expires),
            challenge_sha256=SHA,
            ground="retention",
            reason="x",
        )

    def approved(self, request: str, *names: str, challenge: str = SHA) -> tuple[str, ...]:
        return self.tell(
            LeafType.DESTROY_APPROVED, request=request, challenge_sha256=challenge, approvers=[*names]
        )

    def executed(self, request: str, phase: str) -> tuple[str, ...]:
        return self.tell(LeafType.DESTROY_EXECUTED, request=request, phase=phase)

    def certified(self, request: str) -> tuple[str, ...]:
        return self.tell(LeafType.DESTROY_CERTIFIED, request=request, certificate_sha256=SHA)

    def state(self, name: str) -> State:
        return self.account.recordings[name].state(self.wall_ns)


@pytest.fixture
def story() -> Story:
    made = Story()
    made.opened("one")
    made.closed("one")
    return made


def test_the_whole_way(story: Story) -> None:
    assert story.state("one") is State.CLOSED
    items: list[Json] = [{"recording": "one", "due": rfc3339(story.wall_ns)}]
    assert story.tell(LeafType.RETENTION_DUE, items=items) == ()
    assert story.state("one") is State.DUE
    assert story.requested("r", "one") == ()
    assert story.state("one") is State.REQUESTED
    assert story.approved("r", "bob") == ()
    assert story.state("one") is State.REQUESTED
    assert story.approved("r", "carl") == ()
    assert story.state("one") is State.APPROVED
    assert story.executed("r", "intent") == ()
    assert story.state("one") is State.EXECUTING
    assert list(story.account.unfinished()) == [story.account.requests["r"]]
    assert story.executed("r", "result") == ()
    assert story.state("one") is State.SHREDDED
    assert story.certified("r") == ()
    assert story.state("one") is State.CERTIFIED
    assert list(story.account.unfinished()) == []
    assert story.account.problems == []
    assert story.account.size == story.n


def test_a_request_that_expired_counts_no_more_and_one_that_began_always(story: Story) -> None:
    story.requested("r", "one", expires=story.wall_ns + 10 * NS_PER_S)
    story.approved("r", "bob", "carl")
    assert story.account.recordings["one"].state(story.wall_ns + 20 * NS_PER_S) is State.CLOSED
    story.executed("r", "intent")
    assert story.account.recordings["one"].state(story.wall_ns + 20 * NS_PER_S) is State.EXECUTING


def impossible(story: Story, told: tuple[str, ...], words: str) -> None:
    assert len(told) == 1, told
    assert words in told[0]
    assert story.account.problems[-1] == told[0]


def test_impossible_orders_change_nothing(story: Story) -> None:
    impossible(story, story.approved("r", "bob"), "never made")
    impossible(story, story.executed("r", "intent"), "never made")
    impossible(story, story.certified("r"), "certifies what was not destroyed")
    impossible(story, story.requested("r", "nothing"), "was never opened")
    story.opened("open")
    impossible(story, story.requested("r", "open"), "which is open")
    assert story.requested("r", "one") == ()
    impossible(story, story.requested("r2", "one"), "which is requested")
    impossible(story, story.approved("r", "anna"), "may not approve")
    impossible(story, story.approved("r", "bob", challenge="0" * 64), "another challenge")
    impossible(story, story.executed("r", "intent"), "without its 2 approvals")
    assert story.approved("r", "bob") == ()
    impossible(story, story.approved("r", "bob"), "may not approve")
    assert story.approved("r", "carl") == ()
    impossible(story, story.executed("r", "result"), "without a beginning")
    impossible(story, story.executed("r", "half"), "never made")
    assert story.executed("r", "intent") == ()
    impossible(story, story.executed("r", "intent"), "twice or too late")
    impossible(story, story.approved("r", "dora"), "too late")
    impossible(story, story.certified("r"), "not destroyed")
    assert story.executed("r", "result") == ()
    impossible(story, story.executed("r", "result"), "twice")
    assert story.certified("r") == ()
    impossible(story, story.certified("r"), "a second time")
    impossible(story, story.requested("r3", "one"), "which is certified")
    assert story.state("one") is State.CERTIFIED


def test_an_approval_that_comes_late(story: Story) -> None:
    story.requested("r", "one", expires=story.wall_ns + 2 * NS_PER_S)
    story.wall_ns += 10 * NS_PER_S
    impossible(story, story.approved("r", "bob", "carl"), "too late")


def test_holds(story: Story) -> None:
    hold: dict[str, Json] = {"hold": "h", "recordings": ["one"], "reason": "x"}
    assert story.tell(LeafType.HOLD_SET, **hold) == ()
    impossible(story, story.tell(LeafType.HOLD_SET, **hold), "set twice")
    impossible(story, story.requested("r", "one"), "on hold")
    assert story.tell(LeafType.HOLD_SET, hold="h2", recordings=["one"], reason="y") == ()
    assert story.tell(LeafType.HOLD_CLEARED, hold="h") == ()
    impossible(story, story.tell(LeafType.HOLD_CLEARED, hold="h"), "not set")
    impossible(story, story.requested("r", "one"), "on hold")
    assert story.tell(LeafType.HOLD_CLEARED, hold="h2") == ()
    assert story.requested("r", "one") == ()
    story.approved("r", "bob", "carl")
    assert story.tell(LeafType.HOLD_SET, hold="h3", recordings=["one"], reason="z") == ()
    impossible(story, story.executed("r", "intent"), "on hold")
    assert story.tell(LeafType.HOLD_CLEARED, hold="h3") == ()
    assert story.executed("r", "intent") == ()
    impossible(story, story.tell(LeafType.HOLD_SET, hold="h4", recordings=["one"], reason="z"), "executing")


def test_a_leaf_without_its_fields_is_told(story: Story) -> None:
    for kind in (
        LeafType.HOLD_SET, LeafType.HOLD_CLEARED, LeafType.RETENTION_DUE, LeafType.DESTROY_REQUESTED,
        LeafType.DESTROY_APPROVED, LeafType.DESTROY_EXECUTED, LeafType.DESTROY_CERTIFIED, LeafType.EVICTED,
    ):  # fmt: skip
        impossible(story, story.tell(kind), "without the fields")
    assert story.state("one") is State.CLOSED


def test_due_once(story: Story) -> None:
    items: list[Json] = [{"recording": "one", "due": rfc3339(story.wall_ns)}]
    assert story.tell(LeafType.RETENTION_DUE, items=items) == ()
    impossible(story, story.tell(LeafType.RETENTION_DUE, items=items), "can't become due")


def test_evicted(story: Story) -> None:
    story.opened("high", level=3)
    story.closed("high")
    impossible(story, story.tell(LeafType.EVICTED, recordings=["high"]), "may not be evicted")
    impossible(story, story.tell(LeafType.EVICTED, recordings=["nothing"]), "never opened")
    assert story.tell(LeafType.EVICTED, recordings=["one"]) == ()
    assert story.state("one") is State.EVICTED
    impossible(story, story.tell(LeafType.EVICTED, recordings=["one"]), "may not be evicted")
    impossible(story, story.requested("r", "one"), "which is evicted")


def test_commands_are_known_by_their_leaf(story: Story) -> None:
    story.tell(LeafType.HOLD_SET, hold="h", recordings=["one"], reason="x", command="c1")
    story.tell(LeafType.HOLD_SET, hold="h", recordings=["one"], reason="x", command="c2")
    assert set(story.account.done) == {"c1"}, "a leaf that changed nothing did nothing"


def test_the_oldest_that_may_go_and_no_more_than_is_needed() -> None:
    story = Story()
    for name, level, channel in (
        ("a", 2, "ch0"), ("held", 2, "ch0"), ("high", 3, "ch0"), ("other", 2, "ch1"), ("b", 2, "ch0"),
        ("c", 2, "ch0"),
    ):  # fmt: skip
        story.opened(name, level=level, channel=channel)
        story.closed(name)
    story.opened("open")
    story.tell(LeafType.HOLD_SET, hold="h", recordings=["held"], reason="x")
    policy = Policy(evicting=frozenset({"ch0"}))

    def chosen(need: int) -> list[str]:
        return [one.id for one in evictable(story.account, story.wall_ns, policy, need)]

    assert chosen(0) == []
    assert chosen(1) == ["a"]
    assert chosen(1001) == ["a", "b"]
    assert chosen(10**9) == ["a", "b", "c"]
    story.requested("r", "b")
    assert chosen(10**9) == ["a", "c"], "what is asked for has its own way"
    assert [one.id for one in evictable(story.account, story.wall_ns, Policy(), 10**9)] == []


def test_public_areas_have_a_floor() -> None:
    story = Story()
    public: dict[str, Json] = {**WARD, "rule": "public-area"}
    story.tell(
        LeafType.RECORDING_OPENED, recording="p", channel="ch0", level=2, ticket=None, retention=public
    )
    story.closed("p")
    policy = Policy(evicting=frozenset({"ch0"}))
    base = story.account.recordings["p"].base_ns
    assert base is not None
    assert evictable(story.account, base + 30 * DAY_NS - 1, policy, 1) == ()
    assert [one.id for one in evictable(story.account, base + 30 * DAY_NS, policy, 1)] == ["p"]


def test_level_5_has_its_15_years_whatever_its_label_says() -> None:
    story = Story()
    story.tell(LeafType.RECORDING_OPENED, recording="x", channel="ch0", level=5, ticket=None, retention=WARD)
    story.closed("x")
    one = story.account.recordings["x"]
    term = term_of(one, Policy())
    assert one.base_ns is not None
    assert rfc3339(term.earliest_ns or 0)[:10] == "2041-11-24"
    assert term.due_ns == term.earliest_ns
    assert plan_run(story.account, one.base_ns + 91 * DAY_NS, Policy()).due == 0


def test_an_unknown_level_is_kept_longest() -> None:
    story = Story()
    story.tell(LeafType.RECORDING_OPENED, recording="old", channel="ch0")
    story.closed("old")
    one = story.account.recordings["old"]
    assert (one.level, one.retention, term_of(one, Policy()).due_ns) == (5, None, None)


def test_a_refusal_names_what_it_is_about(story: Story) -> None:
    with pytest.raises(Refuse, match="one") as caught:
        check_request(
            story.account, ["one"], ground=Ground.RETENTION, without_ticket=True, now_ns=story.wall_ns,
            clock_good=True, policy=Policy(),
        )  # fmt: skip
    assert caught.value.code == "destroy.too-early"
