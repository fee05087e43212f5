"""HTTP digest: RFC 7616's own examples, which challenge is answered, and hostile challenges."""

from __future__ import annotations

import hashlib

import pytest

from agent.device.http_digest import Challenge, authorization, strongest

# RFC 7616 3.9.1.
RFC_CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={name}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RFC_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def _answer(challenge: Challenge | None, *, username: str = "Mufasa", count: int = 1) -> str:
    assert challenge is not None
    return authorization(
        challenge,
        username=username,
        password="Circle of Life",
        method="GET",
        target="/dir/index.html",
        cnonce=RFC_CNONCE,
        count=count,
    )


@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_rfc(name: str, response: str) -> None:
    header = _answer(strongest([RFC_CHALLENGE.format(name=name)]))
    assert header.startswith('Digest username="Mufasa", realm="http-auth@example.org", ')
    assert f'response="{response}"' in header
    assert f"algorithm={name}" in header
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in header
    assert "nc=00000001" in header


def test_without_qop_the_older_formula_is_used() -> None:
    """The example of RFC 2069, with the answer that its errata correct."""
    challenge = strongest(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])
    assert challenge is not None
    header = authorization(
        challenge,
        username="Mufasa",
        password="CircleOfLife",
        method="GET",
        target="/dir/index.html",
        cnonce="not used",
    )
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in header
    assert "cnonce" not in header


def test_session_keys_and_hashed_names() -> None:
    challenge = strongest(
        ['Digest realm="r", nonce="n", qop=auth, algorithm=SHA-512-256-sess, userhash=true']
    )
    header = _answer(challenge, username="Jäger", count=2)

    def digest(*parts: str) -> str:
        return hashlib.new("sha512_256", ":".join(parts).encode()).hexdigest()

    secret = digest(digest("Jäger", "r", "Circle of Life"), "n", RFC_CNONCE)
    expected = digest(secret, "n", "00000002", RFC_CNONCE, "auth", digest("GET", "/dir/index.html"))
    assert f'response="{expected}"' in header
    assert f'username="{digest("Jäger", "r")}"' in header
    assert "Jäger" not in header
    assert "userhash=true" in header


@pytest.mark.parametrize(
    ("headers", "algorithm"),
    [
        (['Digest realm="r", nonce="1"', 'Digest realm="r", nonce="2", algorithm=SHA-256'], "SHA-256"),
        (['Digest realm="r", nonce="1", Digest realm="r", nonce="2", algorithm=SHA-256'], "SHA-256"),
        (['Basic realm="r"', 'Digest realm="r", nonce="2"'], "MD5"),
        (['Basic realm="a, Digest", Digest realm="r", nonce="2", algorithm="SHA-256"'], "SHA-256"),
        (['digest REALM="r",NONCE="2",ALGORITHM=sha-256'], "sha-256"),
    ],
)  # fmt: skip
def test_the_strongest_challenge_is_answered(headers: list[str], algorithm: str) -> None:
    found = strongest(headers)
    assert found is not None
    assert found.algorithm == algorithm


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Digest",
        'Basic realm="r"',
        'Digest realm="r"',
        'Digest realm="r", nonce=""',
        'Digest nonce="n"',
        'Digest realm="r", nonce="n", algorithm=SHA-1',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n\r\nX-Evil: 1"',
        'Digest realm="r\\\n", nonce="n"',
        "Digest " + 'x="' * 5000,
        "Digest " + "a=b," * 5000,
    ],
)
def test_what_can_t_be_answered_is_not(header: str) -> None:
    assert strongest([header]) is None


def test_quotes_in_names_and_realms_stay_inside_their_quotes() -> None:
    challenge = strongest(['Digest realm="a \\"b\\" \\\\c", nonce="n", qop=auth'])
    assert challenge is not None
    assert challenge.realm == 'a "b" \\c'
    header = _answer(challenge, username='o"neil\\')
    assert 'realm="a \\"b\\" \\\\c"' in header
    assert 'username="o\\"neil\\\\"' in header
