"""What `deploy/` has is understood by the programs it is for. nginx serves by it in `e2e/test_behind_nginx.py`."""

import subprocess
import sys
from pathlib import Path

from support.services import find_program

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "alx@.service"
PROGRAM = "/opt/alx/.venv/bin/alx"


def test_systemd_knows_all_that_the_unit_says(tmp_path: Path) -> None:
    analyze = find_program("systemd-analyze", package="systemd")
    shipped = UNIT.read_text()
    assert f"ExecStart={PROGRAM} %i\n" in shipped
    copy = tmp_path / UNIT.name
    copy.write_text(shipped.replace(PROGRAM, sys.executable))  # which is there
    judged = subprocess.run([analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")
