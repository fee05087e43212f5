"""The command line (floor 4): one file per verb in `verbs/`, listed in `main.py`."""
