"""What a vault's ledger says of holds, terms and destructions, read off line; for command line and `open`.

Guarantees: reads only, and needs no running agent. Leaves out whether the ledger is sound (`verify.py`).
"""

from __future__ import annotations

from pathlib import Path

from agent.ledger.check import read_leaves
from agent.model.errors import Refuse
from agent.vault.disposal import GONE, DisposalAccount, State
from agent.vault.layout import LEDGER


def account_of(vault: Path) -> DisposalAccount:
    """The account of a vault. Raises what the ledger's reader raises."""
    account = DisposalAccount()
    for leaf in read_leaves(vault / LEDGER):
        account.take(leaf)
    return account


def refuse_when_disposed(vault: Path, recording: str) -> None:
    """Refuse `open.destroyed` or `open.evicted` for a recording that the ledger says is gone."""
    one = account_of(vault).recordings.get(recording)
    # No time is needed: what is gone stays gone, a request that was only made is told apart at any time.
    if one is None or (state := one.state(0)) not in GONE:
        return
    if state is State.EVICTED:
        raise Refuse(
            "open.evicted",
            f"recording {recording} was evicted for space, leaf {one.evicted_leaf}",
            "look for a copy of its directory; the capsule in it can still be opened",
        )
    request = "" if one.request is None else one.request.id
    raise Refuse(
        "open.destroyed",
        f"recording {recording} was destroyed by request {request}",
        "nothing can be done; see the certificate: edgeward certificate show",
    )
