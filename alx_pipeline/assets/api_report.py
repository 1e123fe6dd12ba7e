"""How an hour of the API looks in Dagit: figures that are plotted over time, a table of companies, asset checks."""

from collections.abc import Mapping, Sequence

import dagster as dg

from alx_core.domain.api_checks import API_CHECKS
from alx_core.domain.metrics import NO_COMPANY, HourMetrics, Traffic
from alx_pipeline.assets.report import listed

Metadata = dict[str, dg.MetadataValue]

PERCENTILES = (50, 95, 99)
WITHOUT_COMPANY = "(no company)"
COMPANY_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("company", "string"),
        dg.TableColumn("calls", "int"),
        dg.TableColumn("success_rate_pct", "float"),
        dg.TableColumn("mean_ms", "float"),
        *(dg.TableColumn(f"p{percent}_ms", "float") for percent in PERCENTILES),
        dg.TableColumn("max_ms", "float"),
        dg.TableColumn("cache_hit_rate_pct", "float"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("addresses", "int"),
        dg.TableColumn("failed_auth", "int"),
        dg.TableColumn("quota_refusals", "int"),
        dg.TableColumn("errors", "string"),
    ]
)


def check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the specs of all checks, for the decorator of `asset`."""
    return [dg.AssetCheckSpec(name.value, asset=asset, description=text) for name, text in API_CHECKS.items()]


def metadata_of(companies: Sequence[HourMetrics], shortnames: Mapping[int, str]) -> Metadata:
    """Return an hour's figures, of all companies together, and a table of the busiest, these first.

    The order is the one in which Dagit lists them; it plots them by name. Rates and times need calls to exist.
    """
    value = dg.MetadataValue
    traffic = Traffic.merge(each.traffic for each in companies)
    figures: Metadata = {"calls": value.int(traffic.calls)}
    times = _times(traffic) if traffic.calls else {}
    for name, figure in {**_rates(traffic), **times}.items():
        if figure is not None:
            figures[name] = value.float(figure)
    counts = ("rows", "bytes", "errors", "failed_auth", "quota_refusals")
    busiest = sorted(companies, key=lambda each: (each.companyid == NO_COMPANY, -each.traffic.calls, each.companyid))
    return {
        **figures,
        **{name: value.int(getattr(traffic, name)) for name in counts},
        **listed([_record(each, shortnames) for each in busiest], COMPANY_SCHEMA),
    }


def name_of(companyid: int, shortnames: Mapping[int, str]) -> str:
    """Return how a company is called in Dagit."""
    return WITHOUT_COMPANY if companyid == NO_COMPANY else shortnames.get(companyid, f"company {companyid}")


def _record(each: HourMetrics, shortnames: Mapping[int, str]) -> dg.TableRecord:
    traffic = each.traffic
    return dg.TableRecord(
        {
            "company": name_of(each.companyid, shortnames),
            "calls": traffic.calls,
            **_times(traffic),
            **{name: "" if share is None else share for name, share in _rates(traffic).items()},
            "rows": traffic.rows,
            "bytes": traffic.bytes,
            "addresses": each.addresses,
            "failed_auth": traffic.failed_auth,
            "quota_refusals": traffic.quota_refusals,
            "errors": ", ".join(f"{code}: {calls}" for code, calls in traffic.errors_by_code.items()),
        }
    )


def _times(traffic: Traffic) -> dict[str, float]:
    times = {f"p{percent}_ms": traffic.percentile_ms(percent) for percent in PERCENTILES}
    return {
        name: round(time, 3) for name, time in {"mean_ms": traffic.mean_ms, **times, "max_ms": traffic.max_ms}.items()
    }


def _rates(traffic: Traffic) -> dict[str, float | None]:
    rates = {"success_rate_pct": traffic.success_pct, "cache_hit_rate_pct": traffic.cache_hit_pct}
    return {name: None if share is None else round(share, 2) for name, share in rates.items()}
