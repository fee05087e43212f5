"""Cameras, grabbers, recorded files: everything that delivers pictures (floor 1)."""
