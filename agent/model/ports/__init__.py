"""Ports: what the pure parts ask of the world. Each has one fake and one shared test suite."""
