"""Commands: the checks, the account of what was accepted, the desk that runs them, and the local door."""
