"""edgeward: the edge agent for cameras and capture devices in hospitals.

The floors of this package are described in docs/architecture.md and enforced by import-linter
contracts in pyproject.toml: a floor imports only lower floors.
"""

__version__ = "0.1.0"
