"""The login that makers shipped their cameras with, for the one try that a site may allow (STD 6.3). Pure.

Guarantees: only logins that are printed in public manuals; nobody's own password is here. Makers that let
the installer choose one at the first start have no row. The key is the part of a profile's id before `/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# (name, password)
SHIPPED: Mapping[str, tuple[str, str]] = MappingProxyType({
    # AXIS 2100 User's Guide, "User Access Rights": all products of that time; off since AXIS OS 9.40 (2019).
    "axis": ("root", "pass"),
    # Hikvision network DVR user manual, 14.9: devices made before they had to be activated (2015).
    "hikvision": ("admin", "12345"),
    # Uniview: account admin of devices without a first-start wizard.
    "uniview": ("admin", "123456"),
})  # fmt: skip
