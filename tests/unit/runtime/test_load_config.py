"""Reading `agent.toml` and its secrets: every problem with its file and line, and no secret in any text."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest

from agent.device.drivers import open_source
from agent.formats.config_v1 import AgentConfig
from agent.model.errors import Refuse
from agent.model.source_settings import (
    Fault,
    FaultKind,
    FileSettings,
    Pace,
    RtspSettings,
    SyntheticSettings,
)
from agent.model.spec import CollectionSpec
from agent.runtime.channel_settings import ChannelSettings, decode_settings, encode_settings
from agent.runtime.load_config import ConfigError, channel_settings, load, read_secret, source_settings
from agent.seal.recording_key import new_key_pair
from tests.fakes.clock import FakeClock

SECRET = "hunter2 with a space"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


def text(source: str, *, recipients: tuple[str, ...] | None = None) -> str:
    names = recipients or (new_key_pair(os.urandom).recipient,)
    lines = ["[box]", 'id = "b"', "[custodians]", "recipients = ["]
    lines += [f'  "{name}",' for name in names]
    lines += ["]", "[segments]", "seconds = 2.5", "keep_free_bytes = 7", "[[channel]]", 'id = "ch0"']
    lines += ['category = "nr"', "level = 3", 'purpose = "p"', 'lawful_basis = "l"', "[channel.source]"]
    return "\n".join([*lines, source, "[channel.spec]", "width = 640", "height = 480", 'rate = "25"', ""])


def loaded(file: Path, source: str) -> AgentConfig:
    file.write_text(text(source))
    return load(file)


def errors(file: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == "\n".join(caught.value.lines)
    return caught.value.lines


def secret(path: Path, content: bytes = SECRET.encode() + b"\n", mode: int = 0o400) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refused(name: object) -> Refuse:
    with pytest.raises(Refuse) as caught:
        read_secret(str(name))
    assert "hunter2" not in f"{caught.value} {caught.value.advice}"
    return caught.value


def test_each_kind_of_source_becomes_settings(file: Path, tmp_path: Path) -> None:
    password = secret(tmp_path / "pw")
    camera = loaded(
        file,
        f'kind = "rtsp"\nurl = "rtsp://192.0.2.1/x"\nusername = "reader"\npassword_file = "{password}"',
    )
    found = source_settings(camera.channel[0])
    assert found == RtspSettings(url="rtsp://192.0.2.1/x", username="reader", password=SECRET)
    assert SECRET not in repr(found)
    clip = loaded(file, 'kind = "file"\npath = "/clip.mp4"\npace = "fast"\nloop = true')
    assert source_settings(clip.channel[0]) == FileSettings(path="/clip.mp4", pace=Pace.FAST, loop=True)
    generated = loaded(
        file,
        'kind = "synthetic"\nwidth = 640\nheight = 480\nrate = "30000/1001"\nseconds = 4.0\ngop_s = 0.5\n'
        'bitrate_bps = 99000\nscript = [{ kind = "rate-change", at_s = 1.0, for_s = 2.0, value = "10" }]',
    )
    assert source_settings(generated.channel[0]) == SyntheticSettings(
        width=640,
        height=480,
        rate=Fraction(30000, 1001),
        bitrate_bps=99_000,
        gop_s=0.5,
        seconds=4.0,
        script=(Fault(kind=FaultKind.RATE_CHANGE, at_s=1.0, for_s=2.0, value="10"),),
    )


def test_a_channel_process_gets_what_it_needs_and_no_more(file: Path) -> None:
    config = loaded(file, 'kind = "file"\npath = "/clip.mp4"')
    assert channel_settings(config, config.channel[0]) == ChannelSettings(
        channel="ch0",
        level=3,
        category="nr",
        purpose="p",
        source=FileSettings(path="/clip.mp4"),
        spec=CollectionSpec(width=640, height=480, rate=Fraction(25)),
        segment_ns=2_500_000_000,
        keep_free_bytes=7,
    )


@pytest.mark.parametrize(
    "source",
    [
        RtspSettings(url="rtsp://192.0.2.1/x", username="reader", password=SECRET),
        RtspSettings(url="rtsp://192.0.2.1/x"),
        FileSettings(path="/clip.mp4", pace=Pace.FAST, loop=True),
        SyntheticSettings(rate=Fraction(30000, 1001), script=(Fault(kind=FaultKind.LOSS, at_s=1, for_s=2),)),
    ],
)
def test_settings_come_through_to_the_channel_process_unchanged(
    source: RtspSettings | FileSettings | SyntheticSettings,
) -> None:
    settings = ChannelSettings(
        channel="ch0",
        level=4,
        category="dt",
        purpose="test",
        source=source,
        spec=CollectionSpec(width=640, height=480, rate=Fraction(30000, 1001), gop_max_s=None),
        segment_ns=5,
        keep_free_bytes=6,
    )
    assert decode_settings(encode_settings(settings)) == settings
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(("width", "height"), [(4096, 4096), (7680, 4320), (64, 64)])
def test_a_size_that_the_configuration_takes_can_be_made(file: Path, width: int, height: int) -> None:
    """Else the box boots, and the channel never records."""
    file.write_text(text(f'kind = "synthetic"\nwidth = {width}\nheight = {height}\nseconds = 0.1'))
    try:
        config = load(file)
    except ConfigError:
        return
    open_source(source_settings(config.channel[0]), FakeClock()).close()


def test_a_fault_value_that_makes_no_sense_is_told_by_the_check(file: Path) -> None:
    source = 'kind = "synthetic"\nscript = [{ kind = "size-change", at_s = 1.0, for_s = 2.0, value = "big" }]'
    file.write_text(text(source))
    [line] = errors(file)
    assert line.startswith(f"{file}:")


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_file_that_can_not_be_read_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "agent.toml"
    if kind == "directory":
        path.mkdir()
    reason = "No such file or directory" if kind == "missing" else "Is a directory"
    assert errors(path) == (f"{path}: can't be read ({reason}): check path and owner",)


def test_a_file_that_is_no_text_is_one_line(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    assert errors(file) == (f"{file}: can't be read (not UTF-8 text): check path and owner",)


def test_every_problem_is_a_line_with_its_place(file: Path) -> None:
    file.write_text(text('kind = "file"\npath = "clip.mp4"\nlop = true').replace('"nr"', '"xx"'))
    category, path, loop = (
        file.read_text().split("\n").index(line) + 1
        for line in ('category = "xx"', 'path = "clip.mp4"', "lop = true")
    )
    assert errors(file) == (
        f"{file}:{category}: channel.0.category: Input should be 'dt', 'nr', 'mm' or 'er'",
        f"{file}:{path}: channel.0.source.path: write an absolute path, beginning with /",
        f"{file}:{loop}: channel.0.source.lop: unknown key: did you mean 'loop'?",
    )


def test_a_bad_recipient_is_told_with_its_line(file: Path) -> None:
    good = new_key_pair(os.urandom).recipient
    file.write_text(text('kind = "file"\npath = "/a"', recipients=(good, "age1x", good[:-1] + "q")))
    found = errors(file)
    assert len(found) == 2
    for number, line in zip((1, 2), found, strict=True):
        assert line.startswith(f"{file}:4: custodians.recipients.{number}: ")
        assert line.endswith("Give a recipient as `age-keygen -y` prints it: age1...")
        assert good[10:-1] not in line


def test_a_custodians_secret_key_in_the_place_of_the_public_one_is_never_repeated(file: Path) -> None:
    keys = new_key_pair(os.urandom)
    file.write_text(text('kind = "file"\npath = "/a"', recipients=(keys.identity,)))
    [line] = errors(file)
    assert "custodians.recipients.0" in line
    assert keys.identity[15:] not in line


def test_bad_recipients_are_told_together_with_everything_else(file: Path) -> None:
    file.write_text(text('kind = "file"\npath = "a"', recipients=("age1x",)))
    assert [line.split(": ")[1] for line in errors(file)] == [
        "custodians.recipients.0",
        "channel.0.source.path",
    ]


def test_a_secret_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    assert read_secret(str(secret(tmp_path / "a"))) == SECRET
    assert read_secret(str(secret(tmp_path / "b", b"first\nsecond\n"))) == "first"
    assert read_secret(str(secret(tmp_path / "c", b"no line end"))) == "no line end"
    assert read_secret(str(secret(tmp_path / "d", b"windows\r\n"))) == "windows"
    assert read_secret(str(secret(tmp_path / "e", "a\u2028b\x0cc\n".encode()))) == "a\u2028b\x0cc"


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o444, 0o644, 0o660, 0o402, 0o401])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path / "pw", mode=mode)
    error = refused(path)
    assert error.code == "secret.exposed"
    assert error.text == f"the secret file {path} can be read by others"
    assert error.advice == f"run: chmod 0400 {path}"


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_secret_of_the_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert read_secret(str(secret(tmp_path / "pw", mode=mode))) == SECRET


def test_a_secret_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    error = refused(tmp_path / "nothing")
    assert (error.code, error.advice) == ("secret.unreadable", "check its path, owner and mode 0400")
    assert refused(tmp_path).code == "secret.unreadable"
    assert refused(secret(tmp_path / "pw", b"hunter2\xff")).code == "secret.unreadable"


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """A camera that is asked with an empty password may lock the account."""
    assert refused(secret(tmp_path / "pw", content)).code == "secret.empty"


def test_a_name_is_looked_up_in_the_credential_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret(tmp_path / "camera")
    assert read_secret("camera") == SECRET
    assert refused("other").code == "secret.unreadable"


def test_a_credential_as_systemd_gives_it_to_a_user_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With User= it has mode 0440: the group bits are the mask of its access control list (systemd 254)."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret(tmp_path / "camera", mode=0o440)
    assert read_secret("camera") == SECRET


def test_a_credential_does_not_lead_out_of_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    secret(tmp_path / "outside", mode=0o644)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    refused("../outside")


def test_without_a_credential_directory_the_advice_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    error = refused("camera")
    assert error.code == "secret.no-credentials"
    assert error.advice == "run as a service with LoadCredential=, or write an absolute path"
