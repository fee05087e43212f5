"""The key authority: a program of its own that shares no directory with a box (docs/formats/tickets-v1.md).

Guarantees: stands beside the runtime and never imports it; a hospital runs it on a computer without network.
"""
