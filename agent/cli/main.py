"""`edgeward`: reads the verb, runs it, turns errors into a line that says what to do and an exit code.

Guarantees: results on stdout, everything else on stderr; published exit codes; no traceback for an
`AgentError`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

from agent import __version__
from agent.cli.common import tell
from agent.cli.exits import Exit
from agent.host.files import translate
from agent.model.errors import AgentError, Halt, Retry
from agent.runtime.load_config import ConfigError

# Who it is for, and each verb with its purpose; the module is agent.cli.verbs.<verb>, with an underscore for
# the hyphen. A hyphen may be written as a space.
GROUPS = (
    (
        "on the box",
        (
            ("run", "the daemon: record what the configuration says"),
            ("config", "check the configuration, or print its JSON Schema"),
            ("enroll", "make or install the box's certificate for MQTT"),
            ("tickets", "import tickets of the key authority, say how many are left"),
            ("command", "make, sign and send commands to a box"),
        ),
    ),
    (
        "for technicians",
        (
            ("status", "what the running agent is doing"),
            ("check", "find out what is the matter with this box"),
            ("discover", "list capture devices, and ONVIF cameras on a network"),
            ("probe", "open a source and say what it really delivers"),
            ("profiles", "check and look up the device profiles"),
            ("bundle", "seal what support needs to find a fault"),
        ),
    ),
    (
        "for custodians and approvers",
        (
            ("keygen", "make a custodian's key, or a key that signs"),
            ("recordings", "list the recordings of a vault"),
            ("open", "decrypt a recording with custodian keys into one MP4"),
            ("unseal", "decrypt one age file to stdout"),
            ("deid", "make a copy of a film without faces and text"),
            ("deid-approve", "sign for a policy of de-identification"),
            ("deid-measure", "say how well masks cover annotated faces"),
            ("deid-reidentify", "two officers open the link of a derivative"),
            ("models", "install and check the models that find faces and text"),
            ("retention", "say what is due for destruction"),
            ("hold", "set and clear legal holds"),
            ("destroy", "ask for, approve and execute a destruction"),
        ),
    ),
    (
        "for auditors",
        (
            ("verify", "check a vault against its ledger"),
            ("ledger", "show, prove and export the leaves of a vault's ledger"),
            ("access", "check the signed record of an opening"),
            ("certificate", "show and check certificates of destruction"),
        ),
    ),
    (
        "elsewhere in the hospital",
        (
            ("authority", "be the key authority: issue, unwrap and destroy tickets"),
            ("witness", "be the witness that cosigns the ledgers of boxes"),
            ("console", "the controller's web console of a fleet"),
            ("simulate", "a fleet of boxes that are not there, on a real broker"),
        ),
    ),
)
VERBS = tuple(row for _, rows in GROUPS for row in rows)


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"agent.cli.verbs.{verb.replace('-', '_')}")


def _verbs_by_group() -> str:
    width = max(len(verb) for verb, _ in VERBS)
    lines = []
    for title, rows in GROUPS:
        lines += [f"{title}:", *(f"  {verb:<{width}}  {purpose}" for verb, purpose in rows)]
    return "\n".join(lines)


def _parser(verb: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgeward",
        usage="edgeward [-h] [--version] VERB ...",
        description="Edge agent for cameras and capture devices in hospitals.\n\n" + _verbs_by_group(),
        epilog="`edgeward VERB --help` shows an example.\nExit codes: docs/formats/exit-codes.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument(
        "--version", action="version", version=f"edgeward {__version__}", help=argparse.SUPPRESS
    )
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, help=argparse.SUPPRESS, prog="edgeward"
    )
    for name, purpose in VERBS:
        module = _module(name) if name == verb else None
        sub = verbs.add_parser(
            name,
            description=purpose,
            epilog=None if module is None else f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if module is not None:
            module.configure(sub)
    return parser


def _one_verb(words: list[str]) -> list[str]:
    """`deid measure …` is `deid-measure …`, wherever two words are a verb together."""
    joined = "-".join(words[:2])
    return [joined, *words[2:]] if len(words) > 1 and joined in dict(VERBS) else words


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns the exit code."""
    words = _one_verb(sys.argv[1:] if arguments is None else arguments)
    verb = words[0] if words and words[0] in dict(VERBS) else None
    try:
        parsed = _parser(verb).parse_args(words)
    except SystemExit as leave:
        return Exit.OK if leave.code in (0, None) else Exit.USAGE
    try:
        code = int(_module(parsed.verb).run(parsed))
        sys.stdout.flush()
        return code
    except ConfigError as error:
        for line in error.lines:
            print(line, file=sys.stderr)
        return Exit.CONFIG
    except AgentError as error:
        tell(error)
        return _exit_code(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        found = translate(error, Path(error.filename or "the output"), "writing")
        tell(found)
        return _exit_code(found)
    except KeyboardInterrupt:
        return 130


def _exit_code(error: AgentError) -> int:
    if error.code.startswith("secret."):
        return Exit.CONFIG
    if isinstance(error, Halt):
        return Exit.INTEGRITY
    return Exit.UNAVAILABLE if isinstance(error, Retry) else Exit.FAILED


if __name__ == "__main__":
    raise SystemExit(main())
