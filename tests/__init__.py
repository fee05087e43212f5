"""Tests of edgeward, in layers (docs/architecture.md)."""
