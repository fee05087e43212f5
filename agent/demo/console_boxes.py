"""The boxes of the demo's console, what goes wrong with their cameras and when, and their files. Pure.

Guarantees: three boxes, seven channels; each fault comes again every `CYCLE_S` seconds. A synthetic source
begins its script anew when it is opened, so each script ends in a silence that makes it be opened again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

WIDTH, HEIGHT, RATE = 320, 192, 25  # small: seven encoders share two cores
CYCLE_S = 60
_CYCLES = 20
_SILENCE_S = 3  # longer than the 1.8 s after which the source counts as lost
_BITRATE_BPS = 300_000
_SEGMENT_S = 10
_KEEP_FREE_BYTES = 2 << 30
_HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the synthetic source in each cycle. `value` as in docs/configuration.md."""

    kind: str
    at_s: int
    for_s: int
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One channel. `story` says to people what goes wrong; `off_hours`: its plan forbids the present hour."""

    id: str
    name: str
    category: str
    scene: str
    level: int
    story: str
    faults: tuple[Fault, ...] = ()
    off_hours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoBox:
    """One box."""

    id: str
    site: str
    cameras: tuple[Camera, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the file of a box says of the world around it. `operators` are TOML tables; `hour` is UTC's."""

    host: str
    port: int
    recipient: str
    witness_key: str
    operators: str
    hour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What happens to a box, so many seconds after the thing before. `text` is for people."""

    after_s: float
    kind: Literal["stop", "cut", "start"]
    text: str


UNSTEADY_BOX = "ward-3"
# Over and over. A broker waits 30 s before it tells of a box that left without a goodbye.
OUTAGES = (
    Outage(after_s=20, kind="stop", text="is stopped"),
    Outage(after_s=12, kind="start", text="starts again"),
    Outage(after_s=30, kind="cut", text="loses power (the console knows 30 s later)"),
    Outage(after_s=45, kind="start", text="has power again"),
)
BOXES = (
    DemoBox(
        id="or-1",
        site="Operating room 1",
        cameras=(
            Camera(
                id="ch0", name="Microscope", category="dt", scene="surgery-monitoring", level=4,
                story="nothing",
            ),
            Camera(
                id="ch1", name="Endoscope", category="dt", scene="surgery-monitoring", level=4,
                story="slows to 21 Hz", faults=(Fault(kind="rate-change", at_s=8, for_s=18, value="21"),),
            ),
        ),
    ),
    DemoBox(
        id="endo-2",
        site="Endoscopy",
        cameras=(
            Camera(
                id="ch0", name="Gastroscope", category="dt", scene="imaging-diagnosis", level=4,
                story="goes black", faults=(Fault(kind="black", at_s=14, for_s=18),),
            ),
            Camera(
                id="ch1", name="Monitor", category="dt", scene="imaging-diagnosis", level=4,
                story="has no signal, then falls silent",
                faults=(
                    Fault(kind="no-signal", at_s=24, for_s=14),
                    Fault(kind="silence", at_s=45, for_s=_SILENCE_S),
                ),
            ),
            Camera(
                id="ch2", name="Lecture room", category="er", scene="education", level=3,
                story="refused: outside the schedule of its plan", off_hours=True,
            ),
        ),
    ),
    DemoBox(
        id=UNSTEADY_BOX,
        site="Ward 3",
        cameras=(
            Camera(
                id="ch0", name="Bed 4", category="mm", scene="inpatient-monitoring", level=3,
                story="its box stops, and loses power",
            ),
            Camera(
                id="ch1", name="Corridor", category="mm", scene="public-area", level=2,
                story="is covered; its box as above", faults=(Fault(kind="covered", at_s=4, for_s=12),),
            ),
        ),
    ),
)  # fmt: skip


# What two people may give the refused camera instead of its own plan.
REFUSED = ("endo-2", "ch2")
NEW_PLAN = json.dumps(
    {"scene": "education", "place": ["demo"], "responsible": "demo", "policy": "demo-2"},
)


def agent_toml(box: DemoBox, root: Path, around: Around) -> str:
    """`agent.toml` of a box that lives in `root`."""
    parts = [
        "# Written by the demo. A real one: docs/configuration.md",
        f"[box]\nid = {_quoted(box.id)}\nsite = {_quoted(box.site)}\nstate_dir = {_quoted(root / 'state')}\n"
        f"vault_dir = {_quoted(root / 'vault')}\nruntime_dir = {_quoted(root / 'run')}",
        f"[custodians]\nrecipients = [{_quoted(around.recipient)}]",
        f"[segments]\nseconds = {_SEGMENT_S}\nkeep_free_bytes = {_KEEP_FREE_BYTES}",
        f"[mqtt]\nhost = {_quoted(around.host)}\nport = {around.port}\ntls = false",
        f'[[witness]]\nname = "console"\nkey = {_quoted(around.witness_key)}',
        around.operators,
        *(_channel(camera, around.hour) for camera in box.cameras),
    ]
    return "\n\n".join(parts) + "\n"


def _channel(camera: Camera, hour: int) -> str:
    schedule = ""
    if camera.off_hours:
        begin, end = (hour + 11) % _HOURS_PER_DAY, (hour + 12) % _HOURS_PER_DAY
        schedule = f', schedule = {{ zone = "UTC", hours = ["daily {begin:02}:00-{end:02}:00"] }}'
    script = ",\n  ".join(_script(camera.faults))
    return (
        f"[[channel]]\nid = {_quoted(camera.id)}\nname = {_quoted(camera.name)}\n"
        f"category = {_quoted(camera.category)}\nlevel = {camera.level}\n"
        'purpose = "demonstration with a synthetic picture"\n'
        'lawful_basis = "none needed: no person is recorded"\n'
        f'plan = {{ scene = {_quoted(camera.scene)}, place = ["demo"], responsible = "demo", '
        f'policy = "demo-1"{schedule} }}\n'
        f'[channel.source]\nkind = "synthetic"\nwidth = {WIDTH}\nheight = {HEIGHT}\nrate = "{RATE}"\n'
        f"bitrate_bps = {_BITRATE_BPS}\nscript = [\n  {script}\n]\n"
        f'[channel.spec]\nwidth = {WIDTH}\nheight = {HEIGHT}\nrate = "{RATE}"\n'
        "[channel.spec.picture]\nblack_max_s = 4.0\ncovered_max_s = 4.0\nno_signal_max_s = 4.0"
    )


def _script(faults: tuple[Fault, ...]) -> Iterator[str]:
    """All cycles, and the silence that makes them begin anew."""
    if not faults:
        return
    for cycle in range(_CYCLES):
        for one in faults:
            value = "" if one.value is None else f", value = {_quoted(one.value)}"
            at_s = cycle * CYCLE_S + one.at_s
            yield f'{{ kind = "{one.kind}", at_s = {at_s}.0, for_s = {one.for_s}.0{value} }}'
    yield f'{{ kind = "silence", at_s = {_CYCLES * CYCLE_S}.0, for_s = {_SILENCE_S}.0 }}'


def _quoted(value: object) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(str(value))
