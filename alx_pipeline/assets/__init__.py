"""The assets: Moodle's tables as sources, the reporting table, and what is computed from the request log."""
