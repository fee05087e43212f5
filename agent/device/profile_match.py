"""Which profile a device gets, why, and how far it is trusted (docs/formats/device-profile-v1.md). Pure.

Guarantees: the answer depends on facts and profiles only, never on their order; a device that no rule
knows gets the generic profile of its kind, the trust `unknown-device` and an alarm; so does one that two
profiles of one rank claim. Leaves out reading the facts from the device, and acting on the trust.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import combinations

from agent.formats.profile_rules import EVIDENCE
from agent.formats.profile_v1 import DeviceProfile, Kind, MatchRule, Scope
from agent.model.errors import Refuse


class Trust(StrEnum):
    """How far a device is known."""

    KNOWN = "known"
    KNOWN_VENDOR = "known-vendor"
    UNKNOWN_DEVICE = "unknown-device"
    TEST_DEVICE = "test-device"
    # The installer says so; the device itself tells nothing (RTSP).
    DECLARED = "declared"


_TRUST = {
    Scope.MODEL: Trust.KNOWN,
    Scope.VENDOR: Trust.KNOWN_VENDOR,
    Scope.GENERIC: Trust.UNKNOWN_DEVICE,
    Scope.TEST: Trust.TEST_DEVICE,
}
_RANK = {Scope.MODEL: 0, Scope.TEST: 0, Scope.VENDOR: 1, Scope.GENERIC: 2}
# An ONVIF camera that no ONVIF profile knows is still an RTSP camera.
_FALLBACK = {Kind.ONVIF: (Kind.ONVIF, Kind.RTSP)}

UNKNOWN_CODE = "device.unknown"
# Longer facts match nothing: no device needs them, and comparing takes a step for each letter.
LONGEST_FACT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What a device says about itself; None is "not told".

    `usb` is `vvvv:pppp` in lower-case hex, `edid` is `MMM:pppp` of what is plugged into a grabber.
    """

    kind: Kind
    usb: str | None = None
    edid: str | None = None
    card: str | None = None
    bus_info: str | None = None
    driver: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What is told when a device is not known: stable code, what, and what to do."""

    code: str
    text: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileMatch:
    """The profile, the evidence that led to it in words, the trust, and an alarm when there is cause."""

    profile: DeviceProfile
    why: str
    trust: Trust
    alarm: Alarm | None

    @property
    def deidentification_possible(self) -> bool:
        """False when a de-identified recording of this device must never be released (STD 6.4)."""
        return self.trust is not Trust.UNKNOWN_DEVICE and self.profile.overlay.known in ("none", "zones")

    def check_plan(self, category: str, level: int) -> None:
        """Raises `Refuse` `plan.device-forbids` for a plan that the profile forbids (STD 5.2, 5.3)."""
        plan = self.profile.plan
        for what, value, forbidden in (
            ("category", category, plan.forbidden_categories),
            ("level", level, plan.forbidden_levels),
        ):
            if value in forbidden:
                raise Refuse(
                    "plan.device-forbids",
                    f"the profile {self.profile.id} ({self.trust.value}) forbids {what} {value}",
                    f"choose another {what}, or use a device whose profile allows it",
                )


@dataclass(frozen=True, slots=True)
class _Hit:
    rank: tuple[int, ...]
    profile: DeviceProfile
    why: str


def match_device(profiles: Sequence[DeviceProfile], facts: DeviceFacts) -> ProfileMatch:
    """The profile of the device with `facts`.

    Raises `RuntimeError` when the set has no generic profile for this kind, which `load_profiles` refuses.
    """
    hits = sorted(_hits(profiles, facts), key=lambda hit: (hit.rank, hit.profile.id))
    best = [hit for hit in hits if hit.rank == hits[0].rank] if hits else []
    names = sorted({hit.profile.id for hit in best})
    if len(names) == 1 and best[0].profile.scope is not Scope.GENERIC:
        hit = best[0]
        return ProfileMatch(profile=hit.profile, why=hit.why, trust=_TRUST[hit.profile.scope], alarm=None)
    generic = [hit for hit in hits if hit.profile.scope is Scope.GENERIC]
    if not generic:
        raise RuntimeError(f"the set has no generic profile for {facts.kind.value}")
    return _unknown(generic[0].profile, facts, names if len(names) > 1 else [])


def declared(profiles: Sequence[DeviceProfile], profile_id: str, facts: DeviceFacts) -> ProfileMatch:
    """The profile that the configuration names for a device that tells nothing about itself.

    An id that the set does not have, or whose profile is generic or of a kind that can't be behind this
    source, makes the device an unknown one, with an alarm that says why.
    """
    real = (one for one in profiles if one.scope in (Scope.MODEL, Scope.VENDOR))
    found = [one for one in real if one.id == profile_id and one.kind in (facts.kind, Kind.ONVIF)]
    if found:
        why = "the configuration declares it"
        return ProfileMatch(profile=found[0], why=why, trust=Trust.DECLARED, alarm=None)
    unknown = match_device(profiles, facts)
    alarm = Alarm(
        code=UNKNOWN_CODE,
        text=f"the set has no network camera's profile {profile_id!r}, which the configuration declares",
        advice="choose one of `edgeward profiles list`; until then it is recorded as an unknown device",
    )
    return ProfileMatch(profile=unknown.profile, why=unknown.why, trust=Trust.UNKNOWN_DEVICE, alarm=alarm)


def overlapping_rules(
    profiles: Iterable[DeviceProfile],
) -> Iterator[tuple[DeviceProfile, int, DeviceProfile, int]]:
    """Pairs of rules of two profiles that can hold for one device at one rank: profile and number, twice."""
    rules = [(profile, number, rule) for profile in profiles for number, rule in enumerate(profile.match)]
    for (first, first_number, one), (second, second_number, other) in combinations(rules, 2):
        if first.id == second.id or first.kind is not second.kind:
            continue
        if _rank(first, one) == _rank(second, other) and _can_meet(one, other):
            yield first, first_number, second, second_number


def _unknown(generic: DeviceProfile, facts: DeviceFacts, claimed: list[str]) -> ProfileMatch:
    told = ", ".join(f"{name} {value[:80]!r}" for name in EVIDENCE if (value := getattr(facts, name)))
    if claimed:
        why = f"{' and '.join(claimed)} both claim it"
    else:
        why = f"no profile knows {told}" if told else "it tells nothing about itself"
    return ProfileMatch(
        profile=generic,
        why=why,
        trust=Trust.UNKNOWN_DEVICE,
        alarm=Alarm(
            code=UNKNOWN_CODE,
            text=f"this device is not known: {why}",
            advice="it is recorded as an unknown device, and never released through de-identification; "
            "write a profile for it (docs/formats/device-profile-v1.md)",
        ),
    )


def _hits(profiles: Iterable[DeviceProfile], facts: DeviceFacts) -> Iterator[_Hit]:
    kinds = _FALLBACK.get(facts.kind, (facts.kind,))
    for profile in profiles:
        if profile.kind not in kinds:
            continue
        for rule in profile.match:
            if _holds(rule, facts):
                # A generic profile of the device's own kind goes before the one that it falls back to.
                rank = (*_rank(profile, rule), kinds.index(profile.kind))
                yield _Hit(rank, profile, _why(rule, facts))


def _holds(rule: MatchRule, facts: DeviceFacts) -> bool:
    for name in EVIDENCE:
        wanted: tuple[str, ...] | None = getattr(rule, name)
        if wanted is None:
            continue
        told: str | None = getattr(facts, name)
        if told is None or not any(pattern_holds(pattern, told) for pattern in wanted):
            return False
    return True


def _why(rule: MatchRule, facts: DeviceFacts) -> str:
    return " and ".join(
        f"{name.replace('_', ' ')} {getattr(facts, name)!r}"
        for name in EVIDENCE
        if getattr(rule, name) is not None
    )


def _rank(profile: DeviceProfile, rule: MatchRule) -> tuple[int, ...]:
    """Lower is stronger: the scope, then for each kind of evidence, strongest first, 0 when it is named."""
    return (_RANK[profile.scope], *(int(getattr(rule, name) is None) for name in EVIDENCE))


def _can_meet(one: MatchRule, other: MatchRule) -> bool:
    """True when one device can satisfy both; they name the same evidence, having one rank."""
    for name in EVIDENCE:
        first, second = getattr(one, name), getattr(other, name)
        if first is not None and not any(_overlap(a, b) for a in first for b in second):
            return False
    return True


def pattern_holds(pattern: str, text: str) -> bool:
    """True when all of `text` fits `pattern` (`*` any text, `?` one character, letters without case)."""
    return len(text) <= LONGEST_FACT and _meet(_plain(pattern), _plain(text), text_is_pattern=False)


def _overlap(first: str, second: str) -> bool:
    """True when some text fits both patterns."""
    return _meet(_plain(first), _plain(second), text_is_pattern=True)


def _plain(text: str) -> str:
    return text.strip().casefold()


def _meet(first: str, second: str, *, text_is_pattern: bool) -> bool:
    @cache
    def meet(i: int, j: int) -> bool:
        a = first[i] if i < len(first) else ""
        b = second[j] if j < len(second) else ""
        if not a and not b:
            return True
        if a == "*":
            return meet(i + 1, j) or (bool(b) and meet(i, j + 1))
        if b == "*" and text_is_pattern:
            return meet(i, j + 1) or (bool(a) and meet(i + 1, j))
        fits = a and b and (a == b or a == "?" or (b == "?" and text_is_pattern))
        return bool(fits) and meet(i + 1, j + 1)

    return meet(0, 0)
