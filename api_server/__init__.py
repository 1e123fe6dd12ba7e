"""The Falcon shell: serves the reporting table to Power BI. It never loads Dagster or polars."""
