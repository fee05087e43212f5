"""The documents say what the program does: help text, configuration keys, exit codes, both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from agent.formats.config_v1 import AgentConfig, parse

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
CONFIGURATION = "docs/configuration.md"
# Where docs/configuration.md speaks of each model; a new model needs its place here and there.
SECTIONS = {
    "AgentConfig": "## Top level",
    "BoxConfig": "## `[box]`",
    "CustodianConfig": "## `[custodians]`",
    "TicketConfig": "## `[tickets]`",
    "SegmentConfig": "## `[segments]`",
    "MqttConfig": "## `[mqtt]`",
    "SupportConfig": "## `[support]`",
    "MetricsConfig": "## `[metrics]`",
    "AuditConfig": "## `[audit]`",
    "ChecksConfig": "## `[checks]`",
    "OperatorConfig": "## `[[operator]]`",
    "WitnessConfig": "## `[[witness]]`",
    "ChannelConfig": "## `[[channel]]`",
    "RtspSource": '## `[channel.source]` with `kind = "rtsp"`',
    "OnvifSource": '## `[channel.source]` with `kind = "onvif"`',
    "V4l2Source": '## `[channel.source]` with `kind = "v4l2"`',
    "FileSource": '## `[channel.source]` with `kind = "file"`',
    "SyntheticSource": '## `[channel.source]` with `kind = "synthetic"`',
    "FaultConfig": '## `[channel.source]` with `kind = "synthetic"`',
    "SpecConfig": "## `[channel.spec]`",
    "RetentionConfig": "## `[channel.retention]`",
    "PlanConfig": "## `[channel.plan]`",
    "ScheduleConfig": "## `[channel.plan.schedule]`",
    "TracksConfig": "## `[channel.plan.tracks]`",
    "DeidentifiedConfig": "## `[channel.plan.tracks.deidentified]`",
    "PictureConfig": "## `[channel.spec.picture]`",
    "RegionConfig": "## `[channel.spec.region]`",
}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [body for found, body in _FENCE.findall(_text(name)) if found == language]


def _headings(name: str) -> list[str]:
    """The marks of the headings: one `#` or more."""
    return re.findall(r"^(#+) ", _FENCE.sub("", _text(name)), re.MULTILINE)


def _section(heading: str) -> str:
    _, found, rest = _text(CONFIGURATION).partition(f"\n{heading}\n")
    assert found, f"{CONFIGURATION} has no heading {heading}"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("name", READMES)
def test_the_help_block_is_what_the_program_prints(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == Exit.OK
    block = f"<!-- help -->\n```\n{capsys.readouterr().out}```\n<!-- /help -->\n"
    assert block in _text(name)


def test_the_example_configuration_is_good() -> None:
    [example] = _blocks(CONFIGURATION, "toml")
    assert isinstance(parse(example), AgentConfig)


def test_every_configuration_key_is_explained() -> None:
    schema = AgentConfig.model_json_schema()
    models = {"AgentConfig": schema, **schema["$defs"]}
    assert set(models) == set(SECTIONS)
    for name, model in models.items():
        section = _section(SECTIONS[name])
        missing = [key for key in model["properties"] if f"`{key}`" not in section]
        assert not missing, f"{SECTIONS[name]} does not explain {missing}"


def test_every_exit_code_is_published() -> None:
    text = _text("docs/formats/exit-codes.md")
    for code in Exit:
        assert f"| {code.value} | {code.name} |" in text


def test_both_readmes_have_the_same_headings_and_commands() -> None:
    english, chinese = READMES
    assert _headings(english) == _headings(chinese)
    assert _blocks(english, "sh") == _blocks(chinese, "sh")
    assert _blocks(english, "sh")
