"""The runs that a stop of `alx up` left behind, ended by a process of its own: `python -m alx_cli.orphans` prints them.

It also says when Dagster's tables are those of another version. Dagster, once loaded, would stay in the memory of `alx
up` for as long as that runs.
"""

import subprocess
import sys

from alx_core.errors import StoreError
from alx_core.settings import load_settings
from alx_core.store.engine import open_engine

OUTDATED = (
    "Dagster's tables are those of another version of it. Stop `alx up`, run `alx migrate`, and start it again.\n"
)


def end_orphans() -> list[str]:
    """Fail them and return their ids; makes Dagster's tables where there are none.

    `prepare_home` comes before, and what it returns is in this process's environment. Raises StoreError.
    """
    command = [sys.executable, "-m", "alx_cli.orphans"]
    # Ctrl-C reaches the one that waits alone.
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, start_new_session=True)  # noqa: S603
    if ran.returncode:
        raise StoreError("Dagster's runs could not be looked at, for the reason above.")
    return ran.stdout.splitlines()


def main() -> None:
    """Print the id of each run that was ended, a line each."""
    from alx_pipeline.instance import open_instance, reap_orphans, revisions  # noqa: PLC0415  # loads Dagster

    settings = load_settings()
    with open_engine(settings.database) as engine, open_instance(settings.dagster_home) as instance:
        sys.stdout.writelines(f"{run_id}\n" for run_id in reap_orphans(instance, engine))
        stored, newest = revisions(instance)
    if stored != newest:
        sys.stderr.write(OUTDATED)


if __name__ == "__main__":
    main()
