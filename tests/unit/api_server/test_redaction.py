"""No token in any log, however it is written."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api_server.redaction import redact

OURS = "alx_cRN69MjHyIYvioActDuMmWZRNZAFRNoIPFqGuotk"
MOODLES = "04f2a9026c2a0159392e1a680b682fe8"
ENCODED = "".join(f"%{ord(each):02x}" for each in OURS)


@pytest.mark.parametrize("token", [OURS, MOODLES, MOODLES.upper()])
@pytest.mark.parametrize(
    "around",
    ["{}", "x{}", "{}x", "Mozilla/5.0 ({}; x64)", "client_{}_end", "wstoken={}&limit=5", "Bearer {}", "a/{}/b", "-{}-"],
)
def test_a_token_is_taken_out_wherever_it_stands(token: str, around: str) -> None:
    assert token not in redact(around.format(token))
    assert token[8:30] not in redact(around.format(token))


@pytest.mark.parametrize(
    "text",
    [
        ENCODED,
        f"x{ENCODED}y",
        f"agent/1.0 {quote(ENCODED)}",
        OURS.replace("_", "%5f"),
        f"%74oken%3D{'s3cret' * 3}",
        "".join(f"%{ord(each):02X}" for each in MOODLES),
    ],
)
def test_percent_encoding_hides_no_token(text: str) -> None:
    assert "***" in redact(text)
    assert "%" not in redact(text)


def test_what_is_decoded_adds_no_line_to_a_log() -> None:
    assert redact(f"x%0d%0aline%00 {ENCODED}") == "x%0d%0aline%00 ***"


@pytest.mark.parametrize("text", ["Microsoft.Data.Mashup (100%; x%20y)", "curl/8.5.0", "%", "", "a" * 31])
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(st.text(), st.text(), st.integers(0, 3))
@example("%2", "", 1)
def test_no_text_around_a_token_keeps_it(before: str, after: str, encodings: int) -> None:
    token = OURS
    for _ in range(encodings):
        token = quote(token.replace("_", "%5F"), safe="")
    found = redact(before + token + after)
    assert OURS[4:20] not in found


def test_a_secret_that_has_to_be_decoded_brings_no_other_to_light() -> None:
    """Decoded, `%20` is a space: 31 digits are left of the token, which are no token."""
    assert redact(f"%2{MOODLES} %74oken=a") == "%*** token=***"
