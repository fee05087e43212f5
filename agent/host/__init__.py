"""The world (floor 1): clocks, durable files, systemd, processes. Nothing here decides anything."""
