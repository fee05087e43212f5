"""What the ledger says of misuse (STD 7.4 c), and of the box's own week (STD 7.4 f). Pure."""
