"""A Slack and a mail server that answer as they are told, and keep what they took."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET_PATH = "/services/T0000/B0000/s3cr3t"


@dataclass
class FakeSlack:
    """An incoming webhook. `answers` are used up one by one, each (status, headers); after that it is 200 ok.

    Status 0 takes the request and never answers, until `let_go`.
    """

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def headlines(self) -> list[str]:
        """Of each message that was taken, in order."""
        return [each["blocks"][0]["text"]["text"] for each in self.taken]


@contextmanager
def fake_slack(port: int = 0) -> Iterator[FakeSlack]:
    """Run a Slack in threads of this process."""
    slack = FakeSlack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = slack.answers.pop(0) if slack.answers else (200, {})
            if status == 0:
                slack.refused += 1
                slack.let_go.wait(60)
                self.close_connection = True
                return
            if status == 200 and self.path == SECRET_PATH:
                slack.taken.append(json.loads(body))
            else:
                slack.refused += 1
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"ok" if status == 200 else b"no_service")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    slack.url = f"http://127.0.0.1:{server.server_address[1]}{SECRET_PATH}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield slack
    finally:
        slack.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class FakeMailServer:
    """An SMTP server. `answers` replaces its answer to a command's next uses, as {"DATA": ["451 later"]}.

    `HELLO` is what it says first, `END` the answer after the message's last dot.
    """

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    taken: list[Mail] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """First word of every command, so that no password is kept."""


@contextmanager
def fake_mail_server() -> Iterator[FakeMailServer]:
    """Run a mail server in threads of this process."""
    mail = FakeMailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            recipients: list[str] = []
            self.say(self.answer_to("HELLO") or "220 fake ESMTP")
            for raw in self.rfile:
                line = raw.decode().strip()
                word = line.split(" ")[0].upper()
                mail.said.append(word)
                answer = self.answer_to(word)
                if word in ("EHLO", "HELO"):
                    self.say(answer or "250 fake")
                elif word == "RCPT":
                    if answer is None:
                        recipients.append(line.partition("<")[2].rstrip(">"))
                    self.say(answer or "250 ok")
                elif word == "DATA" and answer is None:
                    self.take(recipients)
                elif word == "QUIT":
                    self.say(answer or "221 bye")
                    return
                else:
                    self.say(answer or "250 ok")

        def take(self, recipients: list[str]) -> None:
            self.say("354 go on")
            lines = []
            for raw in self.rfile:
                if raw == b".\r\n":
                    break
                lines.append(raw.removeprefix(b".") if raw.startswith(b"..") else raw)
            answer = self.answer_to("END")
            if answer is None:
                mail.taken.append(message_from_bytes(b"".join(lines), policy=default))
                mail.recipients.append(list(recipients))
            self.say(answer or "250 taken")

        def answer_to(self, word: str) -> str | None:
            waiting = mail.answers.get(word)
            return waiting.pop(0) if waiting else None

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mail.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield mail
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def nobody_listens() -> int:
    """A port that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: Any, *, timeout_s: float = 10) -> None:
    """Wait until `what()` is true."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
