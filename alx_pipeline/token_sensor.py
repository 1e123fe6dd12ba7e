"""Keeps imported tokens in step with Moodle: who is suspended there is refused here, what is deleted is revoked.

Only where an administrator has imported tokens before (`alx token import-moodle`); until then Moodle's tokens are none
of this installation's business, and its database user may lack the right to read them.
"""

import dagster as dg

from alx_core.errors import SourceError
from alx_core.services.tokens import has_imported, import_tokens
from alx_core.store.engine import connect, transaction
from alx_pipeline.resources import Alx

EVERY_S = 600


@dg.sensor(
    name="moodle_token_sensor",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Imports Moodle's tokens again, every ten minutes, where they were imported before.",
)
def moodle_token_sensor(alx: dg.ResourceParam[Alx]) -> dg.SkipReason:
    """Import again. A Moodle that is down changes nothing: its alert is `sync_failed`."""
    with alx.reporting() as engine:
        with connect(engine) as connection:
            if not has_imported(connection):
                return dg.SkipReason("No token was imported from Moodle.")
        from alx_pipeline.moodle.tokens import read_tokens_at  # noqa: PLC0415  # loads what a sync computes with

        settings = alx.settings()
        try:
            tokens = read_tokens_at(settings.moodle, settings.moodle_prefix)
        except SourceError as error:
            if not error.is_transient:
                raise
            return dg.SkipReason(str(error))
        with transaction(engine) as connection:
            done = import_tokens(connection, tokens, now=int(alx.clock()))
    return dg.SkipReason(f"{done.added} added, {done.updated} updated, {done.revoked} revoked.")
