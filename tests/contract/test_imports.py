"""What the API's process loads: its image holds neither Dagster nor the engines of the sync."""

import subprocess
import sys

FORBIDDEN = ("dagster", "polars", "pandas", "pyarrow", "alx_pipeline", "alx_cli")


def test_the_api_loads_nothing_of_the_pipeline() -> None:
    code = "import sys, api_server.app, api_server.worker, api_server.redaction; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "falcon" in loaded
    assert [name for name in loaded if name.partition(".")[0] in FORBIDDEN] == []
