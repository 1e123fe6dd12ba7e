"""Names and values of parameters, as PHP's `parse_str()` and its multipart reader have them of the same bytes."""

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
        ("a%00b=1%002", {"a": "1\x002"}),
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


NAMED = 'Content-Disposition: form-data; name="a"'


def read_multipart(head: str = NAMED, *, value: str = "1", boundary: str = "b") -> dict[str, str]:
    body = f"--{boundary}\r\n{head}\r\n\r\n{value}\r\n--{boundary}--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return dict(read_parameters(falcon.Request(create_environ(method="POST", body=body, headers=headers))))


@pytest.mark.parametrize(
    "head",
    [
        NAMED,
        f"{NAMED}\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit",
        f"{NAMED}\r\nContent-Transfer-Encoding: base64",
        "Content-Type: text/plain\r\ncontent-disposition: FORM-DATA; name=a",
        'Content-Disposition: form-data;\r\n name="a"',
        f"{NAMED}; filename*=UTF-8''x",
    ],
)
def test_a_part_has_the_value_that_php_gives_it_whatever_its_headers_say(head: str) -> None:
    """PHP knows neither an encoding of parts, as Java's and Python's mail libraries name it, nor `filename*`."""
    assert read_multipart(head) == {"a": "1"}


def test_a_boundary_may_be_longer_than_mail_allows() -> None:
    assert read_multipart(boundary="x" * 100) == {"a": "1"}


def test_names_and_values_of_a_multipart_form_are_those_of_any_form() -> None:
    assert read_multipart(NAMED.replace('"a"', '"a[0]"')) == {"a": "Array"}
    assert read_multipart(value="é\r\n--c") == {"a": "é\r\n--c"}


@pytest.mark.parametrize("body", ["", "x", "--b\r\n", f"--b\r\n{NAMED}\r\n\r\n1", "--b\r\n\r\n1\r\n--b--"])
@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=b"])
def test_what_is_no_multipart_form_is_refused(kind: str, body: str) -> None:
    request = falcon.Request(create_environ(method="POST", body=body, headers={"Content-Type": kind}))
    with pytest.raises(falcon.HTTPBadRequest) as refused:
        read_parameters(request)
    assert "boundary" in str(refused.value.description)
