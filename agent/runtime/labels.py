"""Whether the three places of a recording's labels say the same (STD 8.1). Pure.

Guarantees: every field of the opening leaf but the two hashes of files is looked for in the manifest, so a
label that is added to both is compared at once; the self-description inside a segment must say category,
level and purpose as the leaf does. Leaves out reading and refusing.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.formats.ledger_v1 import Leaf
from agent.model.outgoing import Json
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME

INSIDE = ("category", "level", "purpose")


def manifest_differences(manifest: Mapping[str, Json], opened: Leaf) -> tuple[str, ...]:
    """Names of the fields in which `manifest` differs from the opening leaf, or that it lacks."""
    said: dict[str, Json] = {
        name: value for name, value in opened.body.items() if name not in (CAPSULE_NAME, MANIFEST_NAME)
    }
    said["box"] = opened.box
    said["capsule_sha256"] = opened.body[CAPSULE_NAME]
    return tuple(name for name, value in said.items() if name not in manifest or manifest[name] != value)


def inside_differences(described: Mapping[str, Json], opened: Mapping[str, Json]) -> tuple[str, ...]:
    """The same of a segment's self-description. Older segments do not say their purpose."""
    inside = {"purpose": opened.get("purpose"), **described}
    return tuple(name for name in INSIDE if inside.get(name) != opened.get(name))
