"""Uses once, in the zygote, what every channel process would otherwise load for itself after the fork.

Guarantees: no secret stays (the key is thrown away with the process's only use of it), no thread, no file.
"""

from __future__ import annotations

import os

from agent.seal.age_writer import seal_bytes
from agent.seal.recording_key import new_key_pair


def warm_up(kinds: frozenset[str] = frozenset()) -> None:
    """pycryptodome loads its native parts at first use; so does OpenSSL.

    With a source of kind `onvif` its library and definitions too: 36 MiB that else each channel loads. With
    one of kind `v4l2`, which may deliver raw pictures, what decodes and encodes them.
    """
    if "onvif" in kinds:
        # Imported here, because a box without such a camera shall not carry its libraries.
        from agent.device.onvif_client import preload

        preload()
    if "v4l2" in kinds:
        import agent.capture.reencoder  # noqa: F401
    seal_bytes(bytes(65536 + 1), [new_key_pair(os.urandom).recipient], os.urandom)
