"""`[channel.source]` with `kind = "onvif"`: what is taken, what is refused, and how it reaches the driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.config_v1 import AgentConfig, parse
from agent.model.errors import Refuse
from agent.model.source_settings import OnvifSettings
from agent.runtime.channel_settings import decode_settings, encode_settings
from agent.runtime.load_config import channel_settings

EXAMPLE = (Path(__file__).parents[3] / "docs/configuration.md").read_text(encoding="utf-8")


def _config(source: str) -> str:
    """The documents' example with another source."""
    text = EXAMPLE.partition("```toml\n")[2].partition("```")[0]
    before, _, rest = text.partition("[channel.source]\n")
    after = rest[rest.index("[channel.spec]") :]
    return f'{before}[channel.source]\nkind = "onvif"\n{source}\n{after}'


def _problems(source: str) -> str:
    parsed = parse(_config(source))
    assert isinstance(parsed, tuple)
    return "\n".join(problem.render("agent.toml") for problem in parsed)


def test_it_reaches_the_channel_process_whole(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("planted\n")
    secret.chmod(0o400)
    parsed = parse(
        _config(
            f'url = "http://192.0.2.10:8000"\nusername = "u"\npassword_file = "{secret}"\n'
            'profile = "p"\nconfigure = false'
        )
    )
    assert isinstance(parsed, AgentConfig)
    settings = channel_settings(parsed, parsed.channel[0])
    assert settings.source == OnvifSettings(
        url="http://192.0.2.10:8000/onvif/device_service",
        username="u",
        password="planted",
        profile="p",
        configure=False,
        spec=settings.spec,
    )
    assert decode_settings(encode_settings(settings)) == settings
    assert "planted" not in repr(settings)


def test_defaults() -> None:
    parsed = parse(_config('url = "https://camera.example/own/path"'))
    assert isinstance(parsed, AgentConfig)
    source = channel_settings(parsed, parsed.channel[0]).source
    assert isinstance(source, OnvifSettings)
    assert (source.url, source.profile, source.configure) == ("https://camera.example/own/path", None, True)
    assert (source.username, source.password) == (None, None)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('url = "http://u:planted@192.0.2.10"', "move user and password out of the URL"),
        ('url = "rtsp://192.0.2.10"', "an ONVIF address is written as"),
        ('url = "192.0.2.10"', "an ONVIF address is written as"),
        ('url = "http://"', "an ONVIF address is written as"),
        ('url = "http://192.0.2.10:99999"', "an ONVIF address is written as"),
        ('url = "http://192.0.2.10"\npassword_file = "x"', "password_file needs a username"),
        ('url = "http://192.0.2.10"\nprofil = "x"', "did you mean 'profile'?"),
        ('url = "http://192.0.2.10"\nconfigure = "yes"', "channel.0.source.configure"),
        ("", "channel.0.source.url: missing"),
    ],
)
def test_what_is_wrong_is_said(source: str, text: str) -> None:
    problems = _problems(source)
    assert text in problems
    assert "planted" not in problems


@pytest.mark.parametrize(
    "url", ["rtsp://192.0.2.1/", "http://u:planted@192.0.2.1/", "http://", "http://[bad", "http://h:0/"]
)
def test_settings_refuse_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Refuse) as caught:
        OnvifSettings(url=url)
    assert caught.value.code == "source.settings"
    assert "planted" not in str(caught.value)
