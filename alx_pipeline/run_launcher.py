"""Dagster's own launcher, which can also tell whether a run's process is still there. `dagster.yaml` names it.

Dagster's code server notices when a worker of its own is killed. When it went down too, or its database did not answer
just then, nobody does: the run stays STARTED and holds back every later one of its pool until its `max_runtime`.
"""

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData

from alx_pipeline.run_process import HOST_TAG, is_gone, this_host

RUNNING = CheckRunHealthResult(WorkerStatus.RUNNING)
GONE = CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its process is gone; it was killed, or memory ran out")
ANSWERS_WITHIN_S = 5


class WatchedRunLauncher(dg.DefaultRunLauncher):
    """Launches runs by the code server, and answers Dagster's run monitoring."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """Take what Dagster keeps of its configuration."""
        super().__init__(inst_data)
        self._missed: set[str] = set()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Note where the run's process will be, and launch it."""
        self._instance.add_run_tags(context.dagster_run.run_id, {HOST_TAG: this_host()})
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the monitoring asks `check_run_worker_health` of each run that is STARTED."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say NOT_FOUND of a run whose process is gone at two looks in a row: the monitoring then fails it.

        Two, because a code server that is there says it first and says more, and one that has just come back must be
        known to the daemon. In doubt the run is RUNNING: the monitoring fails one that is UNKNOWN too. When this
        raises, because Dagster's database does not answer, the run is left alone until the next look.
        """
        if not (is_gone(self._instance, run) and self._can_be_retried(run)):
            self._missed.discard(run.run_id)
            return RUNNING
        if run.run_id not in self._missed:
            self._missed.add(run.run_id)
            return RUNNING
        self._missed.discard(run.run_id)
        return GONE

    def _can_be_retried(self, run: dg.DagsterRun) -> bool:
        """Whether the code server answers: Dagster gives up the second try of a run that fails while it does not."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]  # Dagster's
        try:
            return client is None or bool(client.get_server_id(timeout=ANSWERS_WITHIN_S))
        except DagsterUserCodeUnreachableError:
            return False
