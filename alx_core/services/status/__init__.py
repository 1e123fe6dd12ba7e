"""What the status page says, one module per tab. From the tables alone: true also when Dagster is dead.

Each view is plain data (`/status/data/...` sends it as it is). Times are epoch seconds (`_at`), durations
`_s` or `_ms`, shares `_pct`. How it looks stands in `api_server/status`.
"""
