"""Health: one file per check, an engine that runs them, and the words for people."""
