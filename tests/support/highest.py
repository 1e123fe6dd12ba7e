"""The settings that are numbers, and the highest that each may be."""

import types
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from alx_core.settings import Settings


def numeric_settings() -> dict[str, FieldInfo]:
    """Return every setting that takes a number, by name: also one that is optional."""
    return {name: field for name, field in Settings.model_fields.items() if types_in(field.annotation) & {int, float}}


def types_in(annotation: Any) -> set[Any]:
    """Return the types that an annotation names."""
    if get_origin(annotation) in (Union, types.UnionType):
        return set().union(*(types_in(each) for each in get_args(annotation)))
    return {annotation}


def bound_above(field: FieldInfo) -> float | None:
    """Return the highest number allowed, or None where there is no such bound."""
    bounds = [each.le for each in field.metadata if getattr(each, "le", None) is not None]
    return min(bounds, default=None)


def highest_settings() -> dict[str, float]:
    """Return each of them at its highest, by name."""
    bounds = {name: bound_above(field) for name, field in numeric_settings().items()}
    return {name: bound for name, bound in bounds.items() if bound is not None}
