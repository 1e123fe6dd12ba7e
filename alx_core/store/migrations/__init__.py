"""Alembic's migrations of the reporting database, run by `alx migrate` and by the first sync of an empty database."""
