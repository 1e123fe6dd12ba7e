"""A sync in a process of its own, to be killed. Run as `python sync_process.py MOODLE_URL REPORTING_URL HOME NOW`.

Prints `ready` when everything is imported and the sync begins, `done` when it has ended.
"""

import sys
from pathlib import Path

from sqlalchemy.engine import make_url

from support.pipeline import Pipeline


def main(moodle: str, reporting: str, home: str, now: str) -> None:
    """Run one rebuild."""
    pipeline = Pipeline.over(make_url(moodle), make_url(reporting), home=Path(home))
    pipeline.now = int(now)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    pipeline.rebuild()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
