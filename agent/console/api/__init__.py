"""The console's HTTP API (docs/formats/console-api-v1.md).

Guarantees: what is not in the table of `routes.py` is refused; every request passes `guard.py` before a
page sees it. One file per subject; a page gets an `Ask` and gives JSON.
"""
