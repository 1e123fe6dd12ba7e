"""Names and values of parameters, as PHP's `parse_str()` has them of the same text; Moodle takes NUL out of values."""

import falcon
import pytest
from falcon.testing import create_environ

from api_server.parameters import MAX_PARAMETERS, read_parameters


def read(query: str, form: str | None = None) -> dict[str, str]:
    kind = {} if form is None else {"body": form, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    method = "GET" if form is None else "POST"
    return dict(read_parameters(falcon.Request(create_environ(method=method, query_string=query, **kind))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1&b=2&a=3", {"a": "3", "b": "2"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=1&&=2&b", {"a": "1", "b": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a+b=c+d", {"a_b": "c d"}),
        ("++a=1", {"a": "1"}),
        ("a+=1", {"a_": "1"}),
        ("%09a=1", {"\ta": "1"}),
        (".a.b=1", {"_a_b": "1"}),
        ("%2Ea%20b%5B=1", {"_a_b_": "1"}),
        ("a%00b=1%002", {"a": "12"}),
        ("%00a=1", {}),
        ("+%00=1", {}),
        ("a%26b%3D=%26", {"a&b=": "&"}),
        ("%zz=%4&%=%%41&%253D=1", {"%zz": "%4", "%": "%A", "%3D": "1"}),
        ("%C3%A9=%FF", {"é": "\ufffd"}),
        ("]=1&a]=2", {"]": "1", "a]": "2"}),
        ("[=1", {}),
        ("[a]=1", {}),
        ("a[=1", {"a_": "1"}),
        ("a[b=1", {"a_b": "1"}),
        ("a[[=1", {"a__": "1"}),
        ("a[b.c d[e=1", {"a_b_c_d_e": "1"}),
        ("a[%00]=1", {"a_": "1"}),
        ("a.b[c.d]=1", {"a_b": "Array"}),
        ("a[]=1&a[]=2", {"a": "Array"}),
        ("a[b][c=1", {"a": "Array"}),
        ("a[[b]c=1", {"a": "Array"}),
        ("a]b[c]d=1", {"a]b": "Array"}),
        ("a[]=1&a=2", {"a": "2"}),
        ("a=1&a[b]=2", {"a": "Array"}),
    ],
)
def test_parameters_have_the_names_and_values_that_php_gives_them(text: str, expected: dict[str, str]) -> None:
    assert read(text) == read("", text) == expected


def test_the_form_wins_over_the_query_by_the_name_that_php_gives() -> None:
    assert read("a.b=1&c=2", "a[b=3") == {"a_b": "3", "c": "2"}


def test_more_parameters_than_the_limit_are_refused() -> None:
    assert len(read("&".join(f"a{i}=1" for i in range(MAX_PARAMETERS)))) == MAX_PARAMETERS
    with pytest.raises(falcon.HTTPBadRequest):
        read("a&" * MAX_PARAMETERS)
