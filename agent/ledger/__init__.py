"""The ledger: the box's append-only Merkle log, its checkpoints and its checker (floor 2)."""
