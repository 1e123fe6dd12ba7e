"""The runs that a stop of `alx up` left behind, ended in a process of its own."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from alx_core.settings import load_settings
from alx_core.store.engine import open_engine


def end_orphans() -> list[str]:
    """Fail them and return their ids; makes Dagster's tables where there are none. `prepare_home` comes before.

    In a process of its own because Dagster, once loaded, would stay in the memory of `alx up` for as long as that runs;
    a fork, as this process has no threads and a spawned one would leave a helper behind.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as child:
        return child.submit(_end_orphans).result()


def _end_orphans() -> list[str]:
    from alx_pipeline.instance import open_instance, reap_orphans  # noqa: PLC0415  # loads Dagster

    settings = load_settings()
    with open_engine(settings.database) as engine, open_instance(settings.dagster_home) as instance:
        return reap_orphans(instance, engine)
