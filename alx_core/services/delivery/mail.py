"""E-mail over SMTP: one message to all recipients, as text and as HTML."""

import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from urllib.parse import unquote, urlsplit

from alx_core.domain.alerts import MessageKind, Severity
from alx_core.domain.messages import Message
from alx_core.errors import DeliveryFailed, DeliveryRefused

TIMEOUT_S = 5
"""Seconds to wait for one answer."""
TRY_S = 20
"""Seconds after which no further step of a try begins. A step is one command; DATA waits for two answers."""
FAREWELLS = frozenset({"rset", "quit"})
"""What may be said after TRY_S too: an answer that the server gave to the step before counts."""

PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}
COLOURS = {Severity.INFO: "#1d5fa8", Severity.WARNING: "#8a5a00", Severity.CRITICAL: "#b3261e"}
OVER = "#1b6e3c"

LOGIN_CODES = frozenset({530, 534, 535, 538})
"""Answers about the login: somebody has to mend the settings, and then the message should arrive."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server; `scheme` is smtp, starttls or smtps. `repr` does not show the password."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    def __repr__(self) -> str:
        """Name the server only."""
        return f"MailServer({self.scheme}://{self.host}:{self.port})"

    @classmethod
    def from_url(cls, url: str) -> "MailServer":
        """Take a server from `ALX_SMTP_URL`; user and password may be percent-encoded."""
        parts = urlsplit(url)
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


class _Session(smtplib.SMTP):
    """A session that begins no step once `is_over` says so. Raises DeliveryFailed then."""

    is_over: Callable[[], bool] | None = None

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command, unless it is too late for one."""
        if self.is_over is not None and self.is_over() and cmd.lower() not in FAREWELLS:
            raise DeliveryFailed(f"The mail server took longer than {TRY_S} seconds")
        super().putcmd(cmd, args)


class _TlsSession(_Session, smtplib.SMTP_SSL):
    """The same, over TLS from the start."""


class Mailer:
    """Sends messages to a list of recipients."""

    def __init__(
        self,
        server: MailServer,
        *,
        sender: str,
        recipients: Sequence[str],
        timeout_s: float = TIMEOUT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep whom to send to and through what; nothing is sent before `send`."""
        self._server = server
        self._sender = sender
        self._recipients = list(recipients)
        self._timeout_s = timeout_s
        self._monotonic = monotonic

    def send(self, message: Message, delivery_id: int) -> str | None:
        """Send one message; return a remark when the server took it for some recipients only.

        Raises DeliveryFailed or DeliveryRefused.
        """
        mail = compose(message, delivery_id, sender=self._sender, recipients=self._recipients)
        try:
            refused = self._send(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise _of_codes([code for code, _ in error.recipients.values()]) from None
        except smtplib.SMTPConnectError as error:
            raise DeliveryFailed(f"The mail server takes no connection: {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            raise _of_codes([error.smtp_code]) from None
        except (smtplib.SMTPException, ssl.SSLError) as error:
            raise DeliveryFailed(f"The mail server did not take it: {type(error).__name__}") from None
        except UnicodeError:  # smtplib logs in with ASCII alone, and a name of a host has its own rules
            text = "User and password of the mail server must be ASCII, and its host a name: mend ALX_SMTP_URL"
            raise DeliveryFailed(text) from None
        except OSError as error:
            reason = "timed out" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
            raise DeliveryFailed(f"The mail server can't be reached: {reason}") from None
        return f"refused for {refused} of {len(self._recipients)} recipients" if refused else None

    def _send(self, mail: EmailMessage) -> int:
        """Return the number of recipients that the server refused while it took others."""
        give_up_at = self._monotonic() + TRY_S
        smtp = self._connect()
        smtp.is_over = lambda: self._monotonic() > give_up_at
        try:
            self._greet(smtp)
            return len(smtp.send_message(mail, self._sender, self._recipients))
        except smtplib.SMTPNotSupportedError:
            if not smtp.has_extn("smtputf8") and not "".join(self._recipients).isascii():
                raise DeliveryRefused("The mail server takes no addresses with letters beyond ASCII") from None
            raise
        finally:
            # Once the server took the message, whatever it answers to a farewell must not look like a failure.
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _greet(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo()
        if self._server.scheme == "starttls" or (self._server.scheme == "smtp" and smtp.has_extn("starttls")):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        elif self._server.scheme == "smtp" and self._server.user:
            raise DeliveryFailed("The mail server offers no STARTTLS, and the password must not go out in the clear")
        if self._server.user:
            smtp.login(self._server.user, self._server.password)

    def _connect(self) -> _Session:
        host, port = self._server.host, self._server.port
        if self._server.scheme == "smtps":
            return _TlsSession(host, port, timeout=self._timeout_s, context=ssl.create_default_context())
        return _Session(host, port, timeout=self._timeout_s)


def compose(message: Message, delivery_id: int, *, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Write the e-mail. Its Message-ID is the delivery's, so a mailbox can tell a repeated try from a new message."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"[ALX {message.severity.value}] {' '.join(message.headline.split())}"
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = datetime.fromtimestamp(message.at, UTC)
    mail["Message-ID"] = f"<alx-alert-{message.alert_id}-{delivery_id}-{message.at}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Alx-Alert"] = message.alert.value
    mail.set_content("\n\n".join(text for _, text in _parts(message)) + "\n")
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _parts(message: Message) -> list[tuple[str, str]]:
    began = datetime.fromtimestamp(message.opened_at, UTC)
    parts = [("message", message.account)]
    if message.kind is not MessageKind.RECOVERED:
        parts.append(("todo", f"What to do: {message.recommendation}"))
    if message.link:
        parts.append(("link", message.link))
    about = (
        f"{message.alert.value}, {message.severity.value}, alert {message.alert_id}, since {began:%Y-%m-%d %H:%M} UTC"
    )
    return [*parts, ("about", about)]


def _html(message: Message) -> str:
    colour = OVER if message.kind is MessageKind.RECOVERED else COLOURS[message.severity]
    paragraphs = "".join(
        f'<p><a href="{escape(text)}">{escape(text)}</a></p>' if name == "link" else f"<p>{escape(text)}</p>"
        for name, text in _parts(message)
    )
    return (
        '<!doctype html><html lang="en"><body style="font-family:sans-serif;line-height:1.5">'
        f'<h2 style="color:{colour}">{escape(message.headline)}</h2>{paragraphs}</body></html>'
    )


def _of_codes(codes: Sequence[int]) -> DeliveryFailed | DeliveryRefused:
    shown = ", ".join(map(str, sorted(set(codes))))
    if any(code in LOGIN_CODES for code in codes):
        return DeliveryFailed(f"The mail server refused the login ({shown}): mend ALX_SMTP_URL")
    if all(500 <= code < 600 for code in codes):
        return DeliveryRefused(f"The mail server refused it: {shown}")
    return DeliveryFailed(f"The mail server answered {shown}")
