"""The reporting database and its rules. Imports neither Dagster nor Falcon."""
