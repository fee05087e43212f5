"""Sealing at the edge: ordinary age v1 files, written with public keys only (docs/formats/sealed-v1.md)."""
