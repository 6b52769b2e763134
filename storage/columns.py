"""Columns, checks and indexes that SQLite's STRICT tables and PostgreSQL both take."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Text, text

INT = BigInteger().with_variant(Integer(), "sqlite")
STRICT: dict[str, Any] = {"sqlite_strict": True}
STRICT_BY_KEY: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
"""For keys that are not one integer: one B-tree instead of two, so fewer pages in every durable commit."""


def int_column(name: str, *rest: Any, null: bool = False, **options: Any) -> Column[int]:
    return Column(name, INT, *rest, nullable=null, **options)


def text_column(name: str, *rest: Any, null: bool = False, **options: Any) -> Column[str]:
    return Column(name, Text, *rest, nullable=null, **options)


def check(name: str, rule: str) -> CheckConstraint:
    return CheckConstraint(rule, name=name)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    return check(f"{column}_known", f"{column} IN ({', '.join(repr(value.value) for value in values)})")


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    # Bound parameters never match a partial index's condition: queries state it as a literal.
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def blob_columns() -> tuple[Column[Any] | CheckConstraint, ...]:
    return (
        text_column("sha256", index=True),
        text_column("suffix"),
        int_column("byte_count"),
        check("sha256_whole", "length(sha256) = 64"),
        check("suffix_dotted", "suffix LIKE '.%'"),
        check("bytes_counted", "byte_count >= 0"),
    )
