"""The copy of Moodle's schema, and loading a site from CSV files."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from alx_cli.demo.moodle_schema import create_moodle, load_site, moodle_metadata

SCHEMA: dict[str, Any] = json.loads(resources.files("alx_cli.demo").joinpath("moodle_schema.json").read_text("utf-8"))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path}/moodle.sqlite", poolclass=NullPool)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    made = create_engine(f"sqlite:///{tmp_path_factory.mktemp('schema')}/moodle.sqlite", poolclass=NullPool)
    create_moodle(made)
    return made


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_sqlite_holds_exactly_the_tables_of_the_json(empty: Engine) -> None:
    assert set(inspect(empty).get_table_names()) == {f"mdl_{name}" for name in SCHEMA}


@pytest.mark.parametrize("name", SCHEMA)
def test_columns_nullability_and_defaults_match_the_json(empty: Engine, name: str) -> None:
    made = rows(empty, f"PRAGMA table_info('mdl_{name}')")
    found = [
        (column, not notnull, None if default is None else default.strip("'"))
        for _, column, _, notnull, default, _ in made
    ]
    assert found == [(column["name"], column["nullable"], column["default"]) for column in SCHEMA[name]["columns"]]


@pytest.mark.parametrize("name", SCHEMA)
def test_indexes_match_the_json_and_there_is_no_other(empty: Engine, name: str) -> None:
    listed = rows(empty, f"PRAGMA index_list('mdl_{name}')")
    found = {
        index: (bool(unique), [column for _, _, column in rows(empty, f"PRAGMA index_info('{index}')")])
        for _, index, unique, _, _ in listed
    }
    wanted = {each["name"]: (each["unique"], each["columns"]) for each in SCHEMA[name]["indexes"]}
    assert wanted.pop("PRIMARY") == (True, ["id"])
    assert found == wanted


def test_an_id_is_sqlites_rowid_and_counts_by_itself(engine: Engine) -> None:
    create_moodle(engine)
    with engine.begin() as connection:
        for name in ("page", "quiz"):
            connection.execute(text("INSERT INTO mdl_modules (name) VALUES (:name)"), {"name": name})
    assert rows(engine, "SELECT id, rowid, name, visible FROM mdl_modules") == [(1, 1, "page", 1), (2, 2, "quiz", 1)]


def test_unique_constraints_hold(engine: Engine) -> None:
    create_moodle(engine)
    insert = text("INSERT INTO mdl_company_users (companyid, userid, departmentid) VALUES (1, 2, 3)")
    with engine.begin() as connection:
        connection.execute(insert)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert)


def test_two_prefixes_live_in_one_database(engine: Engine) -> None:
    create_moodle(engine, "mdl_")
    create_moodle(engine, "iomad_")
    names = inspect(engine).get_table_names()
    assert len(names) == 2 * len(SCHEMA)
    assert "iomad_user_ema_ix" in {index["name"] for index in inspect(engine).get_indexes("iomad_user")}


def test_mariadb_gets_the_types_of_the_json_word_for_word() -> None:
    metadata = moodle_metadata()
    for name, description in SCHEMA.items():
        ddl = str(CreateTable(metadata.tables[f"mdl_{name}"]).compile(dialect=mysql.dialect()))
        for column in description["columns"]:
            line = next(
                line for line in ddl.splitlines() if line.split()[:1] in ([column["name"]], [f"`{column['name']}`"])
            )
            assert line.split(maxsplit=1)[1].lower().replace(", ", ",").startswith(column["type"])
        assert "ENGINE=InnoDB" in ddl
        assert "COLLATE utf8mb4_unicode_ci" in ddl
        assert "ROW_FORMAT=DYNAMIC" in ddl


@pytest.mark.parametrize(
    ("table", "column", "wanted"),
    [
        ("user", "id", "BIGSERIAL"),
        ("user", "deleted", "SMALLINT"),
        ("user", "description", "TEXT"),
        ("user", "email", "VARCHAR(100)"),
        ("course", "newsitems", "INTEGER"),
        ("course", "legacyfiles", "SMALLINT"),
        ("company_course", "courseid", "BIGINT"),
        ("course_completion_criteria", "gradepass", "NUMERIC(10, 5)"),
    ],
)
def test_postgresql_gets_the_types_that_moodle_gives_it(table: str, column: str, wanted: str) -> None:
    ddl = str(CreateTable(moodle_metadata().tables[f"mdl_{table}"]).compile(dialect=postgresql.dialect()))
    line = next(line for line in ddl.splitlines() if line.split()[:1] == [column])
    assert line.split(maxsplit=1)[1].startswith(wanted)


AWKWARD_TEXTS = [
    'Quotes "inside", and a comma',
    "two\nlines",
    "two\r\nlines of Windows",
    "back\\slash and \\n and \\\\N",
    "emoji 👩‍👩‍👧‍👦 🚀",
    "שלום محمد 日本",
    "e\u0301 is not \u00e9",
    '&amp; <span lang="vi" class="multilang">Bảo vệ</span>',
    " leading and trailing ",
    "tab\tand 'apostrophe'",
    "",
]


def quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def test_awkward_text_arrives_byte_for_byte(engine: Engine, tmp_path: Path) -> None:
    lines = [
        "id,fullname,summary",
        *(f"{number},{quoted(each)},{quoted(each)}" for number, each in enumerate(AWKWARD_TEXTS, 2)),
    ]
    (tmp_path / "course.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    load_site(engine, tmp_path)
    found = rows(engine, "SELECT id, CAST(fullname AS BLOB), CAST(summary AS BLOB) FROM mdl_course ORDER BY id")
    assert found == [(number, each.encode(), each.encode()) for number, each in enumerate(AWKWARD_TEXTS, 2)]


def test_null_an_empty_text_and_a_missing_column_are_three_things(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "enrol.csv").write_text("id,courseid,name,password\n1,2,\\N,\n2,3,,\\N\n", encoding="utf-8")
    load_site(engine, tmp_path)
    found = rows(engine, "SELECT id, name, password, enrol, status, expirynotify, cost FROM mdl_enrol ORDER BY id")
    assert found == [(1, None, "", "", 0, 0, None), (2, "", None, "", 0, 0, None)]


def test_numbers_and_decimals_are_stored_as_numbers(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "course_completion_criteria.csv").write_text(
        "id,course,criteriatype,gradepass\n1,9007199254740993,6,62.50000\n", encoding="utf-8"
    )
    load_site(engine, tmp_path)
    found = rows(
        engine, "SELECT course, typeof(course), gradepass, typeof(gradepass) FROM mdl_course_completion_criteria"
    )
    assert found == [(9007199254740993, "integer", 62.5, "real")]


def test_tables_without_a_file_are_there_and_empty(engine: Engine, tmp_path: Path) -> None:
    load_site(engine, tmp_path, prefix="m_")
    assert rows(engine, "SELECT count(*) FROM m_user_enrolments") == [(0,)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("id,nonsense\n1,2\n", r"company\.csv.*nonsense"),
        ("", r"company\.csv.*no header"),
        ("id,name\n1,Acme\n2\n", r"company\.csv: row 2"),
        ("id,name\none,Acme\n", r"company\.csv: row 1"),
        ('id,name\n1,"Acme" Ltd\n', r"company\.csv: row"),
    ],
)
def test_a_broken_file_is_named_and_leaves_nothing(
    engine: Engine, tmp_path: Path, content: str, complaint: str
) -> None:
    (tmp_path / "user.csv").write_text("id,username\n1,guest\n", encoding="utf-8")
    (tmp_path / "company.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        load_site(engine, tmp_path)
    assert rows(engine, "SELECT count(*) FROM mdl_company") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM mdl_user") == [(0,)]
