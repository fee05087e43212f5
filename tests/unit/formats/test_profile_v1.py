"""Device profiles: every error at once, each at its line; every fact has its source.

Story of each test: a good file, one or more things made wrong, and what its author then reads.
"""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.profile_rules import broken_rules, build_date, numbers
from agent.formats.profile_v1 import Compare, DeviceProfile, Kind, Scope, parse

GOOD = """\
format = "edgeward-device-profile-v1"
id = "acme/cam-1"
name = "Acme Cam 1"
kind = "onvif"
scope = "model"
tried_on_hardware = false

[[match]]
manufacturer = ["acme*"]
model = ["CAM-1*"]
source = "page"

[[mode]]
width = 1920
height = 1080
rates = ["25", "30000/1001"]
pixel_format = "h264"
source = "page"

[[floor]]
cve = ["CVE-2021-12345"]
at_least = "1.2.3"
from = "1.0"
remedy = "update"
source = "page"

[plan]
category = "mm"
level = 4

[overlay]
known = "zones"

[[overlay.zone]]
x = "0"
y = "9/10"
width = "1/2"
height = "1/10"
what = "clock"
source = "page"

[connection]
rtsp_port = 554
port_source = "page"

[[connection.path]]
stream = "main"
template = "/live/{channel}"
source = "page"

[[source]]
id = "page"
url = "https://example.org/cam-1"
read = 2026-11-26
says = "All of it."
"""


def problems(text: str) -> list[str]:
    found = parse(text)
    assert isinstance(found, tuple)
    return [problem.render("p.toml") for problem in found]


def only(text: str) -> str:
    [problem] = problems(text)
    return problem


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def line(part: str, text: str = GOOD) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_good_profile() -> None:
    profile = parse(GOOD)
    assert isinstance(profile, DeviceProfile)
    assert (profile.kind, profile.scope) == (Kind.ONVIF, Scope.MODEL)
    assert profile.floor[0].from_version == "1.0"
    assert profile.floor[0].compare is Compare.NUMBERS
    assert profile.overlay.zone[0].y == "9/10"


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        ("tried_on_hardware = false", "tried_on_hardware = 0", "tried_on", "valid boolean"),
        ('kind = "onvif"', 'kind = "usb"', "kind", "'v4l2', 'rtsp', 'onvif' or 'synthetic'"),
        ('name = "Acme Cam 1"\n', "", "", "name: missing: add it"),
        ("width = 1920", "wide = 1920", "wide", "unknown key"),
        ("height = 1080", "height = 1080.0", "height = 1080", "valid integer"),
        ('"30000/1001"', '"29.97"', "rates", 'a fraction such as "25"'),
        ('"30000/1001"', '"0"', "rates", "above 0"),
        ("level = 4", "level = 1", "level = 1", "level"),
        ("CVE-2021-12345", "cve 2021", "cve = ", "pattern"),
        ('at_least = "1.2.3"', 'at_least = "newest"', "at_least", "numbers can't be read in this"),
        ('at_least = "1.2.3"\n', "", "[[floor]]", "exactly one of at_least and above"),
        ('remedy = "update"', 'remedy = "update"\nabove = "1.2"', "[[floor]]", "exactly one of"),
        ('what = "clock"\n', 'what = "clock"\nnote = "x"\n', "note", "unknown key"),
        ('width = "1/2"', 'width = "3/2"', 'width = "3/2"', "between 0 and 1"),
        ('height = "1/10"', 'height = "2/10"', 'height = "2/10"', "y + height goes beyond the picture"),
        ('height = "1/10"', 'height = "0"', 'height = "0"', "a zone has some size"),
        ('known = "zones"', 'known = "no"', "known", 'write known = "zones"'),
        ("/live/{channel}", "live", "template", "a path begins with /"),
        ("/live/{channel}", "/{user}", "template", "no placeholder but {channel}"),
        ('port_source = "page"\n', "", "[connection]", "port_source is missing"),
        ("read = 2026-11-26", 'read = "yesterday"', "read", "valid date"),
        ("https://example.org/cam-1", "ftp://example.org", "url", "https:// address"),
        ('id = "page"', 'id = "side"', "", "there is no [[source]] with id 'page'"),
        ('model = ["CAM-1*"]\n', "", "[[match]]", "scope model needs a single device"),
        ('manufacturer = ["acme*"]\n', "", "[[match]]", "name the manufacturer beside the model"),
        ('model = ["CAM-1*"]', 'model = ["CAM-1*"]\nusb = ["12ab:0001"]', "[[match]]", "not both"),
        ('scope = "model"', 'scope = "vendor"', "[[match]]", "scope vendor must not name a single device"),
        ('model = ["CAM-1*"]', 'model = ["CAM-1*"]\nany = true', "any", "stands alone"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(old: str, new: str, at: str, words: str) -> None:
    text = changed(old, new)
    found = problems(text)
    assert any(words in one for one in found), found
    if at:
        assert any(one.startswith(f"p.toml:{line(at, text)}: ") and words in one for one in found), found


def test_all_errors_are_told_at_once_in_the_order_of_the_file() -> None:
    text = changed('kind = "onvif"', 'kind = "usb"').replace("width = 1920", "width = 1").replace("mm", "xx")
    found = problems(text)
    assert [one.split(": ")[1] for one in found] == ["kind", "mode.0.width", "plan.category"]


def test_a_source_that_nothing_names_is_told() -> None:
    extra = '\n[[source]]\nid = "spare"\nurl = "docs/a.md"\nread = 2026-11-26\nsays = "x"\n'
    assert "nothing names the source 'spare'" in only(GOOD + extra)
    assert "two sources are called 'page'" in only(GOOD + extra.replace("spare", "page"))


def test_a_generic_profile_forbids_what_would_be_released() -> None:
    generic = (
        'format = "edgeward-device-profile-v1"\nid = "generic/g"\nname = "g"\nkind = "v4l2"\n'
        'scope = "generic"\ntried_on_hardware = false\n[[match]]\nany = true\n'
        '[plan]\ncategory = "dt"\nlevel = 4\nforbidden_levels = [2, 3]\n[overlay]\nknown = "no"\n'
    )
    assert isinstance(parse(generic), DeviceProfile)
    assert "forbids levels 2 and 3" in only(generic.replace("[2, 3]", "[2]"))
    assert "can't know where a model writes" in " ".join(problems(generic.replace('"no"', '"none"')))
    assert "this level is forbidden" in only(generic.replace("level = 4", "level = 3"))


@pytest.mark.parametrize("text", ["x = ", "a = 1\nb = @\n", "[" * 5000])
def test_what_is_no_toml_is_one_problem(text: str) -> None:
    assert "not TOML" in only(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_rules_never_raise_whatever_the_types(value: object) -> None:
    raw = tomllib.loads(GOOD)
    for key in raw:
        list(broken_rules(raw | {key: value}))
        list(broken_rules({key: [dict.fromkeys(("source", "x", "width", "usb", "any", "at_least"), value)]}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("11.11.85", (11, 11, 85)),
        ("V5.4.0 build 160530", (5, 4, 0, 160530)),
        ("7.80 B128", (7, 80, 128)),
        ("7.87.0029", (7, 87, 29)),
        ("1.41.05_20230110", (1, 41, 5, 20230110)),
        ("none", ()),
    ],
)
def test_numbers_of_a_version(text: str, found: tuple[int, ...]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("V5.7.3 build 220112", (2022, 1, 12)),
        ("2.800.0000016.0.R, Build Date: 2021-06-18", (2021, 6, 18)),
        ("2.800.0000016.0.R.build.20210618", (2021, 6, 18)),
        ("2021-06-01", (2021, 6, 1)),
        ("V5.7.3 220112", ()),
        ("build 991399", ()),
        ("build 1234567", ()),
        ("rebuilt 220112", ()),
    ],
)
def test_build_dates(text: str, found: tuple[int, ...]) -> None:
    assert build_date(text) == found
