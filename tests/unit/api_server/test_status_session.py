"""The session's cookie: signed with a key from the password, over after its time, the same in every process."""

from hypothesis import given
from hypothesis import strategies as st

from api_server.status.session import LIFETIME_S, Sessions

NOW = 1_795_507_200.0
SESSIONS = Sessions("correct horse")
COOKIE = SESSIONS.open(NOW)


def test_the_password_is_known_and_no_other_one() -> None:
    assert SESSIONS.is_password("correct horse")
    assert not SESSIONS.is_password("correct horse ")
    assert not SESSIONS.is_password("")
    assert not SESSIONS.is_password("pässwörd\ud800")


def test_a_session_holds_in_another_process_with_the_same_password() -> None:
    assert Sessions("correct horse").is_open(COOKIE, NOW)


def test_a_new_password_ends_every_session() -> None:
    assert not Sessions("battery staple").is_open(COOKIE, NOW)


def test_a_session_ends_after_its_time() -> None:
    assert SESSIONS.is_open(COOKIE, NOW + LIFETIME_S - 1)
    assert not SESSIONS.is_open(COOKIE, NOW + LIFETIME_S)


def test_two_sessions_never_have_the_same_cookie() -> None:
    assert SESSIONS.open(NOW) != COOKIE


@given(st.text())
def test_no_text_but_a_signed_one_opens_anything(text: str) -> None:
    assert not SESSIONS.is_open(text, NOW)


@given(st.integers(0, len(COOKIE) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_a_cookie_that_was_changed_anywhere_is_worth_nothing(at: int, character: str) -> None:
    changed = COOKIE[:at] + character + COOKIE[at + 1 :]
    assert SESSIONS.is_open(changed, NOW) == (changed == COOKIE)


def test_a_longer_life_can_not_be_written_into_a_cookie() -> None:
    _, nonce, signature = COOKIE.split(".")
    assert not SESSIONS.is_open(f"{int(NOW) + 10 * LIFETIME_S}.{nonce}.{signature}", NOW)
