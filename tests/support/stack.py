"""`alx up` as a real process tree, driven as a person would: its command line, Dagit's GraphQL, and signals."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ALX = str(Path(sys.executable).parent / "alx")

BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
BACKFILL_STATUS = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }
"""
RUNS = """
query { runsOrError(limit: 100) { ... on Runs { results { runId status jobName tags { key value } } } } }
"""
PARTITIONS = """
query {
  assetNodeOrError(assetKey: {path: ["reporting_table"]}) {
    ... on AssetNode {
      partitionStats { numMaterialized numFailed }
      assetPartitionStatuses {
        ... on TimePartitionStatuses { ranges { startKey endKey status } }
      }
    }
  }
}
"""


def free_port() -> int:
    """A TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


T = TypeVar("T")


def wait_for(what: Callable[[], T], *, timeout_s: float, describe: str) -> T:
    """Ask until the answer is true; fail the test after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.25)
    raise AssertionError(f"{describe} did not happen within {timeout_s} s")


@dataclass
class Stack:
    """One installation: settings as environment, and the processes of `alx up` when it runs."""

    home: Path
    environment: Mapping[str, str]
    dagit_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def env(self) -> dict[str, str]:
        """The environment of every command of this installation."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ALX_", "DAGSTER_"))}
        return {
            **inherited,
            "ALX_HOME": str(self.home),
            "ALX_DAGSTER_BIND": f"127.0.0.1:{self.dagit_port}",
            "ALX_API_BIND": f"127.0.0.1:{self.api_port}",
            **self.environment,
        }

    def alx(self, *arguments: str, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
        """Run one `alx` command to its end."""
        return subprocess.run(
            [ALX, *arguments],
            env=self.env(),
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start an `alx` command in a process group of its own."""
        with (self.home.parent / "alx.log").open("ab") as log:
            return subprocess.Popen(
                [ALX, *arguments], env=self.env(), cwd=self.home.parent, stdout=log, stderr=log, start_new_session=True
            )

    @contextmanager
    def up(self) -> Iterator[None]:
        """Run `alx up` until the end of the block."""
        self.process = self.start("up")
        try:
            wait_for(self.is_loaded, timeout_s=90, describe="Dagit's start")
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop `alx up` as Ctrl-C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
        self.process = None

    def kill(self) -> None:
        """Kill everything at once, as a power cut does: no process gets to say goodbye."""
        for pid in self.pids():
            with_suppressed_kill(pid)
        if self.process is not None:
            self.process.wait(10)
        self.process = None

    def pids(self) -> list[int]:
        """All processes that carry this installation's ALX_HOME."""
        mark = f"ALX_HOME={self.home}\0".encode()
        return [
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and int(folder.name) != os.getpid() and mark in read_environ(folder)
        ]

    def pids_of(self, words: str) -> list[int]:
        """Those of its processes with `words` in their command line."""
        return [pid for pid in self.pids() if words in read_command(Path(f"/proc/{pid}"))]

    @property
    def log(self) -> str:
        """What `alx up` and its children have said."""
        return (self.home.parent / "alx.log").read_text(errors="replace")

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask Dagit."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(  # our own server
            f"http://127.0.0.1:{self.dagit_port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # our own server
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def is_loaded(self) -> bool:
        """Whether Dagit answers and has loaded the code location."""
        try:
            entries = self.graphql(
                "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError "
                "{ __typename } } } } }"
            )["workspaceOrError"]["locationEntries"]
        except OSError:
            return False
        return bool(entries) and all(
            entry["loadStatus"] == "LOADED" and entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
            for entry in entries
        )

    def launch_hour(self, hour: str) -> str:
        """Launch the job `hourly_sync` for one hour; return the run's id."""
        selector = {
            "repositoryLocationName": "alx_pipeline",
            "repositoryName": "__repository__",
            "pipelineName": "hourly_sync",
        }
        metadata = {"tags": [{"key": "dagster/partition", "value": hour}]}
        launched = self.graphql(LAUNCH, params={"selector": selector, "executionMetadata": metadata})["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def launch(self, partitions: list[str], *, asset: str = "reporting_table") -> str:
        """Ask for a backfill as Dagit's own page does; return its id."""
        params = {"partitionNames": partitions, "assetSelection": [{"path": [asset]}]}
        started = self.graphql(BACKFILL, params=params)["launchPartitionBackfill"]
        assert started["__typename"] == "LaunchBackfillSuccess", started
        return str(started["backfillId"])

    def backfill(self, partitions: list[str], *, asset: str = "reporting_table", timeout_s: float = 120) -> str:
        """Ask for a backfill and wait for its end; return its final status."""
        backfill_id = self.launch(partitions, asset=asset)

        def status() -> str:
            found = self.graphql(BACKFILL_STATUS, id=backfill_id)["partitionBackfillOrError"]["status"]
            return found if found.startswith("COMPLETED") or found == "FAILED" else ""

        return wait_for(status, timeout_s=timeout_s, describe="the backfill's end")

    def runs(self) -> list[dict[str, Any]]:
        """All runs, newest first."""
        runs: list[dict[str, Any]] = self.graphql(RUNS)["runsOrError"]["results"]
        for run in runs:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return runs

    def partitions(self) -> dict[str, Any]:
        """How `reporting_table`'s partitions stand."""
        return dict(self.graphql(PARTITIONS)["assetNodeOrError"])


def read_environ(folder: Path) -> bytes:
    """A process's environment; empty when it is gone or somebody else's."""
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def read_command(folder: Path) -> str:
    """A process's command line; empty when it is gone."""
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def with_suppressed_kill(pid: int) -> None:
    """Kill -9, whether or not the process is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
