"""Capture: bring a source to the collection spec, measure what it delivers and judge it (STD 6.2)."""
