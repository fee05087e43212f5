"""Signed approvals of de-identification policies (docs/formats/deid-policy-v1.md, Signed approval).

Guarantees: an approval counts only when every signature is by a configured operator with the role approver,
none of whom is a user of the policy (STD 8.2 f), and when it is for these very bytes of the policy. Where the
configuration has an approver, no policy counts without one. Raises `Refuse` `deid.unapproved`,
`deid.bad-approval`, `deid.approver-is-user`, `note.*`. Leaves out reading files.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from agent.control.operators import Operator, Operators
from agent.deid.purposes import check_approver
from agent.formats import signed_note
from agent.formats.config_operators import OperatorConfig
from agent.formats.deid_approval_v1 import MAX_NOTE, Approval, decode, encode
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.ledger.signing import SigningKey, Verifier
from agent.model.commands import Role
from agent.model.errors import Refuse
from agent.runtime.command_pen import operator_of

_ADVICE = "let an approver sign these very bytes: edgeward deid-approve POLICY -k KEY -o FILE"


def approve(policy: DeidPolicy, data: bytes, key: SigningKey) -> bytes:
    """The note by which the owner of `key` approves `policy`, whose file is `data`."""
    name = operator_of(key)
    if name != policy.approved.by:
        raise Refuse(
            "deid.other-approver",
            f"the policy names {policy.approved.by!r} as its approver, and this is the key of {name!r}",
            "write the operator's name into approved.by, or let that person sign",
        )
    check_approver(policy, name)
    approval = Approval(
        policy=policy.id, version=policy.version, sha256=sha256(data).hexdigest(), by=policy.approved.by
    )
    return key.sign_note(encode(approval), MAX_NOTE)


def approver_of(
    policy: DeidPolicy, data: bytes, note: bytes | None, configured: Iterable[OperatorConfig]
) -> str | None:
    """Who signed for `policy`, whose file is `data`; None where nobody is configured who could, and `note` is
    None.
    """
    people = tuple(configured)
    if note is None:
        if any(Role.APPROVER in map(Role, one.roles) for one in people):
            raise Refuse(
                "deid.unapproved",
                "this box knows approvers, and none of them signed for this policy",
                _ADVICE,
            )
        return None
    parsed = signed_note.parse(note, MAX_NOTE)
    known = Operators(people, Verifier)
    signers = tuple(_approver(known.of(signature)) for signature in parsed.signatures)
    for one in signers:
        one.verifier.verify(note)
        check_approver(policy, one.name)
    approval = decode(parsed.text)
    told = (approval.policy, approval.version, approval.sha256)
    if told != (policy.id, policy.version, sha256(data).hexdigest()):
        raise Refuse("deid.unapproved", "the approval is for another policy, or for another version", _ADVICE)
    if approval.by != policy.approved.by or signers[0].name != approval.by:
        raise Refuse(
            "deid.unapproved", f"{policy.approved.by}, whom the policy names, did not sign first", _ADVICE
        )
    return approval.by


def _approver(operator: Operator | None) -> Operator:
    if operator is None or Role.APPROVER not in operator.roles:
        raise Refuse(
            "deid.unapproved",
            "a signature is not by an approver whom this box knows",
            "compare with [[operator]] in the box's configuration: the role is approver",
        )
    return operator
