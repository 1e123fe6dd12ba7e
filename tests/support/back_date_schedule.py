"""Make Dagster believe that its schedule was last looked at some time ago, as if the daemon had been off since then.

Run as a script, with DAGSTER_HOME set: `python back_date_schedule.py EPOCH`.
"""

import os
import sys
import time

from dagster import DagsterInstance


def main(since: float) -> None:
    """Rewrite the one schedule's state and forget its ticks."""
    with DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        (state,) = [each for each in instance.all_instigator_state() if each.name == "hourly_sync_schedule"]
        data = state.instigator_data._replace(start_timestamp=since, last_iteration_timestamp=None)
        instance.update_instigator_state(state.with_data(data))
        instance.purge_ticks(state.instigator_origin_id, state.selector_id, before=time.time() + 86_400)


if __name__ == "__main__":
    main(float(sys.argv[1]))
