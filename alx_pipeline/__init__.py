"""The Dagster shell: assets, schedules and sensors over `alx_core`, and the only SQL on Moodle's database."""

import warnings

# Pools, single-run backfills and observable sources are what this pipeline is built on; dagster is pinned to one
# version, so a change of a beta API arrives with an upgrade and meets the tests.
warnings.filterwarnings("ignore", message=r"(?s).*is currently in (beta|preview)")
