"""Takes names and passwords out of texts that may leave the driver.

Guarantees: pure; the result holds neither the user part of any URL nor a given secret, in plain or in
percent-encoded spelling. It can't find a secret that it isn't given and that stands outside a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

# Greedy up to the last @ before white space or a quote: a raw password may hold : / ? # and @.
_USER_PART = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s'\"<>]*@")
_MASK = "***"


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """`text` with `scheme://user:password@` and every one of `secrets` masked."""
    text = _USER_PART.sub(rf"\1{_MASK}@", text)
    spellings = {
        form for secret in secrets if secret for form in (secret, quote(secret), quote(secret, safe=""))
    }
    for form in sorted(spellings, key=len, reverse=True):
        text = text.replace(form, _MASK)
    return text
