"""Simulators of the world, themselves under conformance."""
