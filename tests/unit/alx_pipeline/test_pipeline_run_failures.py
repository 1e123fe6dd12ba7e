"""Why a run failed, in one line."""

import uuid

import dagster as dg

from alx_pipeline.run_failures import root_cause


def test_of_a_process_that_was_killed_the_cause_names_the_signal() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.add_run(
            dg.DagsterRun("hourly_sync", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
        )
        instance.report_engine_event("Started process for run (pid: 7).", run)
        instance.report_engine_event(
            f"[DagsterApiServer] Run execution process for {run.run_id} was terminated by signal 9 (SIGKILL).", run
        )
        instance.report_run_failed(run)
        assert root_cause(instance, run.run_id) == (
            f"Run execution process for {run.run_id} was terminated by signal 9 (SIGKILL)."
        )


def test_of_a_run_that_was_stopped_by_ctrl_c_the_cause_says_so() -> None:
    """Slack said "Cause: dagster._core.errors.DagsterExecutionInterruptedError" to whoever was woken by it."""

    @dg.op
    def sync() -> None:
        raise dg.DagsterExecutionInterruptedError

    @dg.job
    def hourly_sync() -> None:
        sync()

    with dg.DagsterInstance.ephemeral() as instance:
        done = hourly_sync.execute_in_process(instance=instance, raise_on_error=False)
        assert root_cause(instance, done.run_id) == (
            "The run was stopped before its end, by Ctrl-C or with the process that ran it."
        )
