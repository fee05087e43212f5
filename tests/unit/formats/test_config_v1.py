"""The configuration file: every error at once, each at its line with key and remedy, and no secret in any.

Story of each test: a good file, one or more things made wrong, and what a technician then reads.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.config_v1 import AgentConfig, ConfigProblem, FileSource, RtspSource, SyntheticSource, parse
from agent.model.spec import Codec, CollectionSpec

GOOD = """\
# an operating room
[box]
id = "or-3"
site = "second floor"
state_dir = "/var/lib/edgeward"

[custodians]
recipients = [
    "age1first",
    "age1second",
]

[mqtt]
host = "controller"
username = "or-3"
password_file = "mqtt-password"

[[channel]]
id = "ch0"
category = "dt"
level = 4
purpose = "teaching"
lawful_basis = "consent"
[channel.source]
kind = "rtsp"
url = "rtsp://192.0.2.10/stream"
username = "reader"
password_file = "/etc/edgeward/camera.pw"
[channel.spec]
width = 1920
height = 1080
rate = "30000/1001"

[[channel]]
id = "ch1"
category = "er"
purpose = "trial"
lawful_basis = "consent"
[channel.source]
kind = "synthetic"
width = 640
height = 360
[[channel.source.script]]
kind = "loss"
at_s = 1.0
for_s = 2.0
[[channel.source.script]]
kind = "black"
at_s = 5.0
for_s = 1.5
[channel.spec]
width = 640
height = 360
rate = "25"
"""
SECRET = "hunter2"


def problems(text: str) -> tuple[ConfigProblem, ...]:
    found = parse(text)
    assert isinstance(found, tuple), "the file was taken as good"
    return found


def changed(old: str, new: str, *, nth: int = 1) -> str:
    """The good file with the `nth` occurrence of `old` replaced."""
    parts = GOOD.split(old)
    assert len(parts) > nth
    return old.join(parts[:nth]) + new + old.join(parts[nth:])


def line_of(text: str, part: str, *, nth: int = 1) -> int:
    """The number of the `nth` line that holds `part`."""
    return [number for number, line in enumerate(text.split("\n"), 1) if part in line][nth - 1]


def only(text: str) -> ConfigProblem:
    [problem] = problems(text)
    return problem


def at(text: str, key: str) -> ConfigProblem:
    """The one problem of `key`, whatever else is told."""
    [problem] = [problem for problem in problems(text) if problem.key == key]
    return problem


def test_a_good_file_becomes_frozen_values() -> None:
    config = parse(GOOD)
    assert isinstance(config, AgentConfig)
    assert (config.box.id, config.box.vault_dir) == ("or-3", Path("/var/lib/edgeward/vault"))
    assert config.custodians.recipients == ("age1first", "age1second")
    assert config.mqtt is not None
    assert (config.mqtt.port, config.mqtt.ca_file) == (8883, None)
    camera, generated = config.channel
    assert isinstance(camera.source, RtspSource)
    assert camera.source.password_file == "/etc/edgeward/camera.pw"
    assert isinstance(generated.source, SyntheticSource)
    assert [fault.kind for fault in generated.source.script] == ["loss", "black"]
    assert generated.level == 4
    with pytest.raises(ValueError, match="frozen"):
        config.box.id = "other"


def test_the_spec_becomes_exact_fractions() -> None:
    config = parse(changed('rate = "30000/1001"', 'rate = "30000/1001"\nrate_tolerance_percent = 2.5'))
    assert isinstance(config, AgentConfig)
    assert config.channel[0].spec.to_spec() == CollectionSpec(
        width=1920,
        height=1080,
        rate=Fraction(30000, 1001),
        rate_tolerance=Fraction(1, 40),
        codecs=(Codec.H264, Codec.H265),
    )


def test_a_file_source_has_its_defaults() -> None:
    text = changed('kind = "synthetic"\nwidth = 640\nheight = 360\n', 'kind = "file"\npath = "/a.mp4"\n')
    config = parse(text.replace("[[channel.source.script]]\n", "").replace('kind = "loss"\n', ""))
    assert isinstance(config, tuple), "faults belong to the synthetic source only"
    start, end = GOOD.index("[[channel.source.script]]"), GOOD.rindex("[channel.spec]")
    without = GOOD[:start] + GOOD[end:]
    config = parse(
        without.replace('kind = "synthetic"\nwidth = 640\nheight = 360', 'kind = "file"\npath = "/a"')
    )
    assert isinstance(config, AgentConfig)
    assert config.channel[1].source == FileSource(kind="file", path=Path("/a"), pace="real-time", loop=False)


def test_every_error_is_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        GOOD.replace('id = "or-3"', 'id = "OR 3"')
        .replace("state_dir", "sate_dir")
        .replace('host = "controller"', 'host = "controller"\nport = "1883"')
        .replace('category = "dt"', 'category = "xx"')
        .replace('url = "rtsp://192.0.2.10/stream"', 'url = "http://192.0.2.10/"')
        .replace('rate = "30000/1001"', 'rate = "fast"')
        .replace('purpose = "trial"\n', "")
        .replace("at_s = 5.0", "at_s = -1.0")
    )
    expected = [
        (line_of(text, "OR 3"), "box.id"),
        (line_of(text, "sate_dir"), "box.sate_dir"),
        (line_of(text, "port ="), "mqtt.port"),
        (line_of(text, '"xx"'), "channel.0.category"),
        (line_of(text, "http://"), "channel.0.source.url"),
        (line_of(text, '"fast"'), "channel.0.spec.rate"),
        (line_of(text, "[[channel]]", nth=2), "channel.1.purpose"),
        (line_of(text, "at_s = -1.0"), "channel.1.source.script.1.at_s"),
    ]
    assert [(problem.line, problem.key) for problem in problems(text)] == expected


def test_a_wrong_channel_does_not_make_it_look_as_if_there_were_none() -> None:
    text = changed('category = "dt"', 'category = "xx"')
    assert [problem.key for problem in problems(text)] == ["channel.0.category"]


@pytest.mark.parametrize(
    ("old", "new", "key", "text"),
    [
        ("state_dir", "sate_dir", "box.sate_dir", "unknown key: did you mean 'state_dir'?"),
        ("host =", "hots =", "mqtt.hots", "unknown key: did you mean 'host'?"),
        ("site =", "zzzzz =", "box.zzzzz", "unknown key: remove it"),
        ("[mqtt]", "[mqqt]", "mqqt", "unknown key: did you mean 'mqtt'?"),
        ("at_s = 5.0", "at = 5.0", "channel.1.source.script.1.at", "unknown key: did you mean 'at_s'?"),
        (
            'password_file = "/etc/edgeward/camera.pw"',
            'password = "/etc/edgeward/camera.pw"',
            "channel.0.source.password",
            "unknown key: did you mean 'password_file'?",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(old: str, new: str, key: str, text: str) -> None:
    wrong = changed(old, new)
    found = at(wrong, key)
    assert found.text == text
    assert found.line == line_of(wrong, new)


def test_a_key_of_another_table_is_not_suggested_as_itself() -> None:
    text = changed('site = "second floor"', 'rate = "25"')
    assert "did you mean 'rate'" not in only(text).text


@pytest.mark.parametrize(
    "url",
    [
        f"rtsp://admin:{SECRET}@192.0.2.10/stream",
        f"rtsps://admin:{SECRET}@192.0.2.10:322/stream",
        f"rtsp://{SECRET}@192.0.2.10/stream",
        f"rtsp://admin:a/{SECRET}@192.0.2.10/stream",
        f"rtsp://admin:12/{SECRET}@192.0.2.10/stream",
        f"rtsp://admin:a?{SECRET}@192.0.2.10/stream",
        f"rtsp://admin:a@{SECRET}@192.0.2.10/stream",
        f"http://admin:{SECRET}@192.0.2.10/stream",
        f"rtsp:/admin:{SECRET}@192.0.2.10/stream",
        f"admin:{SECRET}@192.0.2.10",
    ],
)
def test_a_url_with_credentials_is_refused_without_being_repeated(url: str) -> None:
    text = changed("rtsp://192.0.2.10/stream", url)
    found = at(text, "channel.0.source.url")
    assert found.line == line_of(text, "url =")
    assert found.text in (
        "move user and password out of the URL: username = …, password_file = …",
        "an RTSP address begins with rtsp:// or rtsps://",
    )
    for part in (SECRET, "admin", "192.0.2.10", "stream"):
        assert part not in found.render("agent.toml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('url = "rtsp://192.0.2.10/stream"', f'url = ["rtsp://admin:{SECRET}@192.0.2.10/"]'),
        ('kind = "rtsp"', f'kind = "rtsp://admin:{SECRET}@192.0.2.10/"'),
        ('username = "reader"', f'username = ["{SECRET}"]'),
        ('password_file = "/etc/edgeward/camera.pw"', f'password_file = {{ value = "{SECRET}" }}'),
        ('password_file = "/etc/edgeward/camera.pw"', f'password = "{SECRET}"'),
        ('password_file = "mqtt-password"', f'password = "{SECRET}"'),
        ('password_file = "mqtt-password"', f'password_file = ["{SECRET}"]'),
        ('host = "controller"', f'host = {{ url = "mqtt://or-3:{SECRET}@controller" }}'),
        ('category = "dt"', f'category = "{SECRET}"'),
        ('rate = "25"', f'rate = "{SECRET}"'),
        ('id = "ch0"', f'id = "{SECRET.upper()}"'),
        ('id = "or-3"', f'id = "{SECRET}!"'),
        ('state_dir = "/var/lib/edgeward"', f'state_dir = "{SECRET}"'),
        ('host = "controller"', f'host = "controller" "{SECRET}"'),
        ('host = "controller"', f"host = {SECRET}"),
    ],
)
def test_no_error_repeats_a_value(old: str, new: str) -> None:
    for problem in problems(changed(old, new)):
        assert SECRET not in problem.render("agent.toml").lower()


@pytest.mark.parametrize("rate", ["25", "1", "240", "30000/1001", "29.97", "1/2"])
def test_rates_that_are_taken(rate: str) -> None:
    config = parse(changed('rate = "25"', f'rate = "{rate}"'))
    assert isinstance(config, AgentConfig)
    assert config.channel[1].spec.rate == rate


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        ('"fast"', 'write a rate as "25" or "30000/1001"'),
        ('""', 'write a rate as "25" or "30000/1001"'),
        ('"25/0"', 'write a rate as "25" or "30000/1001"'),
        ('"nan"', 'write a rate as "25" or "30000/1001"'),
        ('"inf"', 'write a rate as "25" or "30000/1001"'),
        ('"1e-5000"', 'write a rate as "25" or "30000/1001"'),
        ('" 25"', 'write a rate as "25" or "30000/1001"'),
        ('"0"', "a rate is above 0 and at most 240 per second"),
        ('"-25"', 'write a rate as "25" or "30000/1001"'),
        ('"241"', "a rate is above 0 and at most 240 per second"),
    ],
)
def test_rates_that_are_refused(rate: str, text: str) -> None:
    wrong = changed('rate = "25"', f"rate = {rate}")
    found = at(wrong, "channel.1.spec.rate")
    assert (found.line, found.text) == (line_of(wrong, rate), text)


def test_a_rate_is_text_so_that_it_is_exact() -> None:
    assert at(changed('rate = "25"', "rate = 25"), "channel.1.spec.rate").text == (
        "Input should be a valid string"
    )


@pytest.mark.parametrize("key", ["gap_max_s", "gop_max_s", "rate_tolerance_percent"])
@pytest.mark.parametrize("value", ["inf", "nan", "-inf"])
def test_limits_are_finite(key: str, value: str) -> None:
    wrong = changed('rate = "25"', f'rate = "25"\n{key} = {value}')
    assert at(wrong, f"channel.1.spec.{key}").line == line_of(wrong, key)


@pytest.mark.parametrize("key", ["state_dir", "vault_dir", "runtime_dir"])
def test_directories_are_absolute(key: str) -> None:
    wrong = changed('state_dir = "/var/lib/edgeward"', f'{key} = "var/lib"')
    found = only(wrong)
    assert (found.line, found.key) == (line_of(wrong, "var/lib"), f"box.{key}")
    assert found.text == "write an absolute path, beginning with /"


def test_two_channels_of_one_name_are_told_at_the_second() -> None:
    wrong = changed('id = "ch1"', 'id = "ch0"')
    found = only(wrong)
    assert found.text == "two channels are called 'ch0': give each its own id"
    assert found.line == line_of(wrong, 'id = "ch0"', nth=2)


def test_two_channels_of_one_name_are_told_together_with_other_errors() -> None:
    wrong = changed('id = "ch1"', 'id = "ch0"').replace('site = "second floor"', "site = 2")
    assert [problem.text for problem in problems(wrong)] == [
        "Input should be a valid string",
        "two channels are called 'ch0': give each its own id",
    ]


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ('cert_file = "/c.pem"', "cert_file and key_file belong together: give both or none"),
        ('key_file = "/k.pem"', "cert_file and key_file belong together: give both or none"),
        ('password_file = "pw"', "password_file needs a username"),
    ],
)
def test_mqtt_options_that_belong_together(new: str, text: str) -> None:
    wrong = changed('username = "or-3"\npassword_file = "mqtt-password"', new)
    found = only(wrong)
    assert (found.line, found.key, found.text) == (line_of(wrong, "[mqtt]"), "mqtt", text)


def test_both_wrong_pairs_of_mqtt_are_told_at_once() -> None:
    wrong = changed('username = "or-3"\n', 'cert_file = "/c.pem"\n')
    assert {problem.text for problem in problems(wrong)} == {
        "cert_file and key_file belong together: give both or none",
        "password_file needs a username",
    }


def test_a_camera_password_needs_a_username() -> None:
    wrong = changed('username = "reader"\n', "")
    assert [problem.text for problem in problems(wrong)] == ["password_file needs a username"]


@pytest.mark.parametrize(
    ("new", "part"), [('kind = "rtps"', "'rtsp', 'onvif', 'v4l2'"), ("kind = 3", "'rtsp', 'onvif'")]
)
def test_an_unknown_kind_of_source_is_told_with_the_known_ones(new: str, part: str) -> None:
    wrong = changed('kind = "rtsp"', new)
    [found] = [problem for problem in problems(wrong) if problem.key.startswith("channel.0.source")]
    assert part in found.text
    assert found.line in (line_of(wrong, new), line_of(wrong, "[channel.source]"))


def test_a_source_without_a_kind_is_told() -> None:
    wrong = changed('kind = "rtsp"\n', "")
    found = at(wrong, "channel.0.source")
    assert found.line == line_of(wrong, "[channel.source]")
    assert "kind" in found.text


def test_the_kind_is_not_part_of_a_key() -> None:
    wrong = changed("width = 640", "width = 641")
    assert at(wrong, "channel.1.source.width").line == line_of(wrong, "width = 641")


@pytest.mark.parametrize("level", [0, 1, 6])
def test_other_levels_are_refused_with_the_reason(level: int) -> None:
    wrong = changed("level = 4", f"level = {level}")
    found = at(wrong, "channel.0.level")
    assert found.line == line_of(wrong, "level =")
    assert "2, 3, 4 or 5" in found.text
    assert "level 1 can't come from a channel" in found.text


@pytest.mark.parametrize("level", [2, 3, 4, 5])
def test_levels_two_to_five_are_taken(level: int) -> None:
    config = parse(changed("level = 4", f"level = {level}"))
    assert isinstance(config, AgentConfig)
    assert config.channel[0].level == level


def test_missing_tables_are_told_by_name() -> None:
    assert [(p.line, p.key, p.text) for p in problems("")] == [
        (None, "box", "missing: add it"),
        (None, "custodians", "missing: add it"),
        (None, "channel", "missing: add it"),
    ]
    start = GOOD.rindex("[channel.spec]")
    wrong = GOOD[:start]
    found = at(wrong, "channel.1.spec")
    assert (found.line, found.text) == (line_of(wrong, "[[channel]]", nth=2), "missing: add it")


def test_no_custodian_and_no_channel_are_refused() -> None:
    start, end = GOOD.index("recipients"), GOOD.index("[mqtt]")
    wrong = GOOD[:start] + "recipients = []\n" + GOOD[end:]
    found = only(wrong)
    assert (found.line, found.key) == (line_of(wrong, "recipients"), "custodians.recipients")
    assert only("channel = []\n" + GOOD[: GOOD.index("[[channel]]")]).key == "channel"


@pytest.mark.parametrize("text", ["port = 1.0", 'port = "1"', "port = true", "port = 0", "port = 65536"])
def test_types_are_strict(text: str) -> None:
    wrong = changed('host = "controller"', f'host = "controller"\n{text}')
    assert only(wrong).line == line_of(wrong, text)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("state_dir =", "state_dir", 5),
        ('id = "or-3"', 'id = "or-3', 3),
        ('id = "or-3"', 'id = "or-3"\nid = "or-4"', 4),
        ("[mqtt]", "[mqtt", 13),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(old: str, new: str, line: int) -> None:
    found = only(changed(old, new))
    assert (found.line, found.key) == (line, "")
    assert found.text.startswith("not TOML: ")


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = '''", "\0", "x = 1\ny"])
def test_hostile_text_is_a_problem_and_no_exception(text: str) -> None:
    assert only(text).text.startswith("not TOML")


def test_a_problem_reads_like_a_compilers() -> None:
    problem = ConfigProblem(line=12, key="box.id", text="wrong")
    assert problem.render("agent.toml") == "agent.toml:12: box.id: wrong"
    assert ConfigProblem(line=None, key="", text="wrong").render("a.toml") == "a.toml: wrong"


def test_the_schema_is_json_and_names_every_key() -> None:
    schema = json.loads(json.dumps(AgentConfig.model_json_schema(), allow_nan=False))
    names = set(schema["properties"])
    for definition in schema["$defs"].values():
        assert definition["additionalProperties"] is False
        names |= set(definition["properties"])
    written = set(re.findall(r"^([a-z_]+) =", GOOD, re.MULTILINE)) | {"box", "mqtt", "channel", "segments"}
    assert written <= names
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["box", "custodians", "channel"]


WORDS = st.sampled_from(["box", "id", "channel", "source", "kind", "rtsp", "spec", "rate", "mqtt", "level"])
LINES = st.one_of(
    st.builds("[{}]".format, WORDS),
    st.builds("[[{}]]".format, WORDS),
    st.builds("[channel.{}]".format, WORDS),
    st.builds(
        "{} = {}".format, WORDS, st.sampled_from(["1", "-1.5", "inf", '"x"', "[]", "{}", "true", '"rtsp"'])
    ),
    st.text(max_size=12),
)


@given(st.lists(LINES, max_size=30).map("\n".join))
def test_whatever_the_file_says_there_is_a_list_of_problems(text: str) -> None:
    lines = text.count("\n") + 1
    for problem in problems(text):
        assert problem.text
        assert problem.line is None or 1 <= problem.line <= lines
