"""Messages arrive, once, whatever the mail server answers."""

from copy import deepcopy

import pytest
from sqlalchemy import Engine

from alx_core.domain.messages import Channel
from alx_core.services.delivery.outbox import Delivered
from support.channels import FakeMailServer
from support.office import Office, mailer


def test_an_e_mail_arrives_once_for_all_recipients_as_text_and_as_html(engine: Engine, mail: FakeMailServer) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, "ops@example.com", "boss@example.com")})
    office.see("", message="<b>Łukasz & co</b>")
    assert office.deliver() == Delivered(delivered=1)
    assert office.deliver(after_s=60) == Delivered()
    (taken,) = mail.taken
    assert mail.recipients == [["ops@example.com", "boss@example.com"]]
    assert taken["Subject"] == "[ALX critical] The sync failed"
    assert taken["To"] == "ops@example.com, boss@example.com"
    text, html = (part.get_content() for part in taken.iter_parts())
    assert "<b>Łukasz & co</b>" in text
    assert "What to do: Start Moodle" in text
    assert "&lt;b&gt;Łukasz &amp; co&lt;/b&gt;" in html
    assert '<a href="http://dagit/runs/1">' in html


def test_a_title_can_not_add_a_header(engine: Engine, mail: FakeMailServer) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("", title="a\r\nBcc: x@example.com")
    assert office.deliver() == Delivered(delivered=1)
    assert mail.taken[0]["Bcc"] is None
    assert mail.recipients == [["ops@example.com"]]


@pytest.mark.parametrize(
    "answers",
    [
        {"RCPT": ["451 later"]},
        {"DATA": ["421 busy"]},
        {"END": ["452 full"]},
        {"MAIL": ["450 later"]},
        {"RCPT": ["450 greylisted"]},
        {"HELLO": ["554 no service"]},
    ],
    ids=str,
)
def test_what_the_mail_server_can_not_take_now_arrives_once_when_it_can(
    engine: Engine, mail: FakeMailServer, answers: dict[str, list[str]]
) -> None:
    mail.answers = deepcopy(answers)
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert office.deliver(after_s=5) == Delivered(delivered=1)
    assert len(mail.taken) == 1


@pytest.mark.parametrize("answers", [{"RCPT": ["550 unknown"]}, {"END": ["554 spam"]}], ids=str)
def test_what_the_mail_server_refuses_for_good_is_given_up_and_shown(
    engine: Engine, mail: FakeMailServer, answers: dict[str, list[str]]
) -> None:
    mail.answers = deepcopy(answers)
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("")
    assert office.deliver() == Delivered(abandoned=1)
    assert "The mail server refused it: 55" in office.row()["last_error"]


def test_an_address_that_the_mail_server_cannot_take_is_given_up_with_the_reason(
    engine: Engine, mail: FakeMailServer
) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, "jörg@example.com")})
    office.see("")
    assert office.deliver() == Delivered(abandoned=1)
    assert "beyond ASCII" in office.row()["last_error"]


def test_one_wrong_recipient_does_not_keep_the_others_waiting_and_is_noted(
    engine: Engine, mail: FakeMailServer
) -> None:
    mail.answers = {"RCPT": ["550 unknown"]}
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, "gone@example.com", "ops@example.com")})
    office.see("")
    assert office.deliver() == Delivered(delivered=1)
    assert mail.recipients == [["ops@example.com"]]
    assert office.row()["last_error"] == "refused for 1 of 2 recipients"


def test_a_try_ends_between_two_recipients_when_its_time_is_over(engine: Engine, mail: FakeMailServer) -> None:
    """Beyond its lease another process would send the message too."""

    def four_seconds_each() -> float:
        return 4.0 * mail.said.count("RCPT")

    recipients = [f"ops{number}@example.com" for number in range(16)]
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, *recipients, monotonic=four_seconds_each)})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert office.row()["last_error"] == "The mail server took longer than 20 seconds"
    assert mail.said == ["EHLO", "MAIL", *["RCPT"] * 6, "QUIT"]


@pytest.mark.parametrize("slow", ["EHLO", "MAIL", "RCPT"])
def test_no_step_of_a_try_begins_when_its_time_is_over(engine: Engine, mail: FakeMailServer, slow: str) -> None:
    sender = mailer(mail.port, monotonic=lambda: 21.0 * (slow in mail.said))
    office = Office(engine, {Channel.EMAIL: sender})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert mail.said[-2:] == [slow, "QUIT"]


@pytest.mark.parametrize(
    ("answers", "expected"), [({}, Delivered(delivered=1)), ({"END": ["554 spam"]}, Delivered(abandoned=1))], ids=str
)
def test_what_the_mail_server_says_of_a_message_counts_however_late_it_is(
    engine: Engine, mail: FakeMailServer, answers: dict[str, list[str]], expected: Delivered
) -> None:
    mail.answers = deepcopy(answers)
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, monotonic=lambda: 21.0 * ("DATA" in mail.said))})
    office.see("")
    assert office.deliver() == expected


def test_an_odd_farewell_does_not_make_a_message_go_out_twice(engine: Engine, mail: FakeMailServer) -> None:
    mail.answers = {"QUIT": ["500 what?"]}
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("")
    assert office.deliver() == Delivered(delivered=1)


def test_an_address_of_the_server_that_can_not_be_written_fails_the_message_and_not_the_tick(engine: Engine) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(25, url=f"smtp://{'x' * 64}.example.com")})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert "ALX_SMTP_URL" in office.row()["last_error"]


def test_a_password_never_goes_out_in_the_clear(engine: Engine, mail: FakeMailServer) -> None:
    sender = mailer(mail.port, url="smtp://user:secret@127.0.0.1:{port}")
    office = Office(engine, {Channel.EMAIL: sender})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert "STARTTLS" in office.row()["last_error"]
    assert "AUTH" not in mail.said
    assert "secret" not in repr(sender._server)


def test_where_starttls_is_demanded_nothing_goes_out_without_it(engine: Engine, mail: FakeMailServer) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, url="starttls://127.0.0.1:{port}")})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert "MAIL" not in mail.said
