"""Bytes to words and back, one file per format and version (floor 1, pure), each with its document."""
