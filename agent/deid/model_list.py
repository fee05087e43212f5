"""The models that this version runs: a literal list, for installing and checking all of them."""

from __future__ import annotations

from agent.deid.models import FACES, PinnedModel
from agent.deid.text_model import TEXT

MODELS: tuple[PinnedModel, ...] = (FACES, TEXT)
