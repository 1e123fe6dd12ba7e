"""The tables' common description, and the column types that the databases spell differently."""

from sqlalchemy import BigInteger, Float, Integer, MetaData, Numeric

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
    }
)

# SQLite's NUMERIC would hand back 100.0 as the integer 100.
Percentage = Numeric(5, 2, asdecimal=False).with_variant(Float, "sqlite")

# SQLite gives its 64-bit rowid only to a column of type INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")

LAST_ID = 2**63 - 1
"""No id is higher."""
