"""What a source streams is put together: texts may come after the numbers of their rows."""

from polars.testing import assert_frame_equal

from alx_core.services.sync.source import TEXT_SUFFIX, merge_texts
from support.builders import Row, make_snapshot, make_user


def test_texts_are_put_in_their_place_whatever_their_order() -> None:
    texts = ("username", "firstname", "lastname", "email")
    rows = [make_user(id=each, username=f"u{each}") for each in (1, 2, 3)]
    numbers = make_snapshot(user=[{**row, **dict.fromkeys(texts)} for row in rows])["user"]
    later = make_snapshot(user=rows)["user"].select("id", *texts).reverse()
    batches = [("user" + TEXT_SUFFIX, later[:1]), ("user", numbers[:2]), ("user", numbers[2:])]
    batches.append(("user" + TEXT_SUFFIX, later[1:]))
    assert merge_texts("user", batches).to_dicts() == rows


def test_texts_of_rows_that_nobody_asked_for_are_left_out() -> None:
    numbers = make_snapshot(user=[make_user()])["user"]
    more = make_snapshot(user=[make_user(username="new"), make_user(id=7)])["user"].select("id", "username")
    found: list[Row] = merge_texts("user", [("user", numbers), ("user" + TEXT_SUFFIX, more)]).to_dicts()
    assert found == [make_user(username="new")]


def test_a_table_that_did_not_come_is_empty() -> None:
    assert_frame_equal(
        merge_texts("modules", [("user", make_snapshot()["user"])]), make_snapshot(modules=())["modules"]
    )
