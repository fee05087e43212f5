"""The sentences of the checks in every language. Pure.

Guarantees: both languages have the same keys, and the same fields in the same sentences (a test asks).
Ids, statuses and numbers are never translated.
"""

from __future__ import annotations

from agent.health.words import chinese, english
from agent.health.words.sentences import Language

LANGUAGES: dict[str, Language] = {"en": english.WORDS, "zh": chinese.WORDS}
