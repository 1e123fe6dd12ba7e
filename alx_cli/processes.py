"""Child processes of `alx up`: start them, watch them, stop them together. No cleverness: a service manager's job."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

STOP_TIMEOUT_S = 15
RESTART_DELAYS_S = (1, 2, 5, 10, 30)
STEADY_AFTER_S = 60
"""A process that lived this long starts its restart delays anew."""
POLL_S = 0.2


@dataclass(slots=True)
class Service:
    """One child: its name, its command line, whether it answers yet, and what its environment has of its own."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] = field(default_factory=dict)
    is_awaited: bool = True
    """Whether those after it start when it answers, or at once."""
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = field(default=0)


class Supervisor:
    """Runs services until it is told to stop; one that ends is started again, each time a little later."""

    def __init__(self, services: Iterable[Service], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Take the services in the order in which they start; `say` hears what a person should know.

        A generator of services may do between two of them what has to be done there.
        """
        self._coming = services
        self._services: list[Service] = []
        self._environment = {**os.environ, **environment}
        self._say = say
        self._stop = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start all services, call `on_ready` when each has answered, and return after SIGINT or SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            for service in self._coming:
                self._services.append(service)
                self._start(service)
                if service.is_awaited:
                    self._wait_until_ready(service)
            for service in self._services:
                self._wait_until_ready(service)
            if not self._stop.is_set():
                on_ready()
            while not self._stop.wait(POLL_S):
                for service in self._services:
                    self._keep_alive(service)
        finally:
            self._stop_all()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _start(self, service: Service) -> None:
        if self._stop.is_set():
            return
        # A group of its own: Ctrl-C reaches this process alone, which then stops the children in order.
        command = [sys.executable, "-m", "alx_cli.bound", str(os.getpid()), *service.command]
        environment = {**self._environment, **service.environment}
        service.process = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603  # our own command lines
        service.started_at = time.monotonic()

    def _wait_until_ready(self, service: Service) -> None:
        while not self._stop.is_set() and not service.is_ready():
            for each in self._services:
                self._keep_alive(each)
            self._stop.wait(POLL_S)

    def _keep_alive(self, service: Service) -> None:
        process, now = service.process, time.monotonic()
        if process is not None and process.poll() is None:
            return
        if process is not None:
            if now - service.started_at > STEADY_AFTER_S:
                service.failures = 0
            delay_s = RESTART_DELAYS_S[min(service.failures, len(RESTART_DELAYS_S) - 1)]
            self._say(f"{service.name} ended with exit code {process.returncode}; starting it again in {delay_s} s.")
            service.process, service.restart_at, service.failures = None, now + delay_s, service.failures + 1
        elif now >= service.restart_at:
            self._start(service)

    def _stop_all(self) -> None:
        """Stop in reverse order, so that nobody loses what it leans on."""
        for service in reversed(self._services):
            if service.process is not None and service.process.poll() is None:
                service.process.send_signal(signal.SIGTERM)
                try:
                    service.process.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    self._say(f"{service.name} did not stop within {STOP_TIMEOUT_S} s; killing it.")
                    os.killpg(service.process.pid, signal.SIGKILL)
                    service.process.wait()


def program(name: str) -> str:
    """Return the path of a program installed beside this Python, whatever PATH says."""
    return os.path.join(os.path.dirname(sys.executable), name)  # noqa: PTH118, PTH120  # a symlinked python must stay unresolved
