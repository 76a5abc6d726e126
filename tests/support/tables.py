"""Tests over long tables: one test that checks every case and reports all that fail."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Test = Callable[..., None]


def each_case(names: Any, cases: Iterable[Any], ids: Any = None) -> Callable[[Test], Test]:
    """Return a decorator that runs a test for every case, as one test; it takes the arguments of parametrize().

    pytest, and the workers of xdist, spend several milliseconds on each test: more than most cases of a long table
    need. Every failing case is reported, with its id. Fixtures are shared by all cases.
    """
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else [*names]
    rows = _rows(names, [*cases], ids)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def check_all(**fixtures: Any) -> None:
            errors = []
            for name, values in rows:
                try:
                    test(**fixtures, **values)
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"The case: {name}")
                    errors.append(error)
            if errors:
                raise BaseExceptionGroup(f"{len(errors)} of {len(rows)} cases failed", errors)

        signature = inspect.signature(test)
        others = [parameter for name, parameter in signature.parameters.items() if name not in names]
        check_all.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return check_all

    return decorate


def _rows(names: list[str], cases: list[Any], ids: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the id and the named values of each case."""
    given_ids = [None] * len(cases) if ids is None or callable(ids) else [*ids]
    rows = []
    for case, given_id in zip(cases, given_ids, strict=True):
        values, own_id = (case.values, case.id) if hasattr(case, "marks") else (case, None)
        values = values if len(names) > 1 or hasattr(case, "marks") else (values,)
        name = own_id or given_id or "-".join(str(ids(value) if callable(ids) else value) for value in values)
        rows.append((str(name), dict(zip(names, values, strict=True))))
    assert rows, "A table without cases checks nothing."
    return rows
