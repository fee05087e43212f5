"""`edgeward config`: every error with its line and exit 78, secrets included, never shown; the schema."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.formats.config_v1 import AgentConfig
from agent.formats.sent_config_v1 import AcceptedConfig
from agent.runtime.effective_config import effective, write_sent
from tests.fakes.agents import cli, make_box

PASSWORD = "planted-password-3141"
CAMERA = 'kind = "rtsp"\nurl = "rtsp://127.0.0.1:9/cam"\nusername = "reader"\npassword_file = "{}"\n'


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a good configuration; every test writes its own file."""
    return make_box(tmp_path_factory.mktemp("good")).config.read_text()


def write(directory: Path, text: str, *, source: str | None = None, extra: str = "") -> Path:
    """A configuration file, with another source in the place of the synthetic one."""
    if source is not None:
        start, end = text.index('kind = "synthetic"'), text.index("[channel.spec]")
        text = text[:start] + source + text[end:]
    path = directory / "agent.toml"
    path.write_text(text.replace("[[channel]]", extra + "[[channel]]", 1))
    return path


def check(path: Path) -> tuple[int, str, list[str]]:
    done = cli("config", "check", "-c", str(path))
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr.splitlines()


def secret(path: Path, mode: int = 0o400) -> Path:
    path.write_text(PASSWORD + "\n")
    path.chmod(mode)
    return path


def two_channels(text: str) -> str:
    return text + text[text.index("[[channel]]") :].replace('"ch0"', '"ch1"')


def test_a_good_file(tmp_path: Path, good: str) -> None:
    path = write(tmp_path, good)
    assert check(path) == (0, f"{path}: good, 1 channel\n", [])
    with_camera = write(tmp_path, good, source=CAMERA.format(secret(tmp_path / "pw"))).read_text()
    path.write_text(two_channels(with_camera))
    assert check(path) == (0, f"{path}: good, 2 channels\n", [])


def test_a_channel_without_a_plan_and_a_sent_configuration_are_told(tmp_path: Path, good: str) -> None:
    path = write(tmp_path, good)
    path.write_text(re.sub("(?m)^plan = .*$", "", path.read_text()))
    code, _, told = check(path)
    assert (code, told) == (0, ["ch0 has no [channel.plan]: nothing will be recorded on it"])
    shown = cli("config", "show", "-c", str(path))
    assert (shown.returncode, shown.stdout) == (0, f"# the file on this box\n{path.read_text()}")
    chosen = effective(path)
    text = good.replace('purpose = "test"', 'purpose = "other"')
    sent = replace(chosen.sent, accepted=AcceptedConfig(cmd_id="one", text=text))
    write_sent(chosen.config.box.state_dir, sent)
    assert cli("config", "show", "-c", str(path)).stdout == f"# accepted, sent with command one\n{text}"
    code, _, told = check(path)
    assert code == 0
    assert told[1] == "not in effect: accepted, sent with command one; see edgeward config show"


def test_every_error_is_told_with_file_and_line(tmp_path: Path, good: str) -> None:
    path = write(tmp_path, good)
    text = good.replace('id = "test-box"', 'id = "Test Box"').replace("level = 4", "level = 7")
    text = text.replace('purpose = "test"', 'porpoise = "test"')
    path.write_text(text)
    lines = text.splitlines()
    code, output, errors = check(path)
    assert (code, output) == (Exit.CONFIG, "")
    places = [line.split(": ")[:2] for line in errors]
    assert places == [
        [f"{path}:2", "box.id"],
        [f"{path}:{lines.index('[[channel]]') + 1}", "channel.0.purpose"],
        [f"{path}:{lines.index('level = 7') + 1}", "channel.0.level"],
        [f"{path}:{lines.index('level = 7') + 2}", "channel.0.porpoise"],
    ]
    assert "did you mean 'purpose'?" in errors[3]


def test_a_missing_file_and_one_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    code, _, errors = check(path)
    assert (code, errors) == (
        78,
        [f"{path}: can't be read (No such file or directory): check path and owner"],
    )
    path.write_text('[box]\nid = "x\n')
    code, _, errors = check(path)
    assert code == 78
    assert errors[0].startswith(f"{path}:2: not TOML: ")


def test_a_url_with_a_password_is_refused_and_not_shown(tmp_path: Path, good: str) -> None:
    source = f'kind = "rtsp"\nurl = "rtsp://reader:{PASSWORD}@127.0.0.1:9/cam"\n'
    code, _, errors = check(write(tmp_path, good, source=source))
    assert code == 78
    assert any("move user and password out of the URL" in line for line in errors)


@pytest.mark.parametrize(
    ("mode", "part"), [(0o444, "can be read by others"), (None, "can't be read")], ids=["exposed", "missing"]
)
def test_a_secret_that_can_not_be_used_is_a_wrong_configuration(
    tmp_path: Path, good: str, mode: int | None, part: str
) -> None:
    path = tmp_path / "pw" if mode is None else secret(tmp_path / "pw", mode)
    config = write(tmp_path, good, source=CAMERA.format(path))
    code, output, errors = check(config)
    assert (code, output) == (78, "")
    assert any(part in line and str(path) in line for line in errors)


def test_all_secrets_that_can_not_be_used_are_told_at_once(tmp_path: Path, good: str) -> None:
    mqtt = '[mqtt]\nhost = "127.0.0.1"\nusername = "x"\npassword_file = "/nowhere/mqtt"\n'
    config = write(tmp_path, good, source=CAMERA.format("/nowhere/camera"), extra=mqtt)
    config.write_text(two_channels(config.read_text()))
    code, _, errors = check(config)
    assert code == 78
    assert sum("/nowhere/camera" in line for line in errors) == 2
    assert sum("/nowhere/mqtt" in line for line in errors) == 1


def test_the_secret_of_the_broker_is_checked(tmp_path: Path, good: str) -> None:
    mqtt = '[mqtt]\nhost = "127.0.0.1"\nusername = "x"\npassword_file = "/nowhere/mqtt"\n'
    code, _, errors = check(write(tmp_path, good, extra=mqtt))
    assert code == 78
    assert any("/nowhere/mqtt" in line for line in errors)


def test_run_does_not_begin_with_a_wrong_file(tmp_path: Path, good: str) -> None:
    state = f'state_dir = "{tmp_path}/state"'
    path = write(tmp_path, re.sub('state_dir = ".*"', state, good.replace("level = 4", "level = 7")))
    done = cli("run", "-c", str(path))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith(f"{path}:") and "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_schema_is_json() -> None:
    done = cli("config", "schema")
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert schema["properties"].keys() == AgentConfig.model_fields.keys()
    assert "password_file" in schema["$defs"]["RtspSource"]["properties"]
    assert "password" not in schema["$defs"]["RtspSource"]["properties"]
