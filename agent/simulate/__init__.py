"""Boxes that are not there: the MQTT contract's own messages at its own rates, without cameras.

Guarantees: what is said passes the contract's checks; each box has a connection of its own with its will.
Leaves out recording, ledger and outbox: what was not acknowledged at a loss is gone. For demonstrations and
for measuring brokers and consoles; never beside real boxes with the same names.
"""
