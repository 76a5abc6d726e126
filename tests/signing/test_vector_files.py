"""Every file of vectors, whatever its scheme, is what the schema says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

from ..support.tables import each_case
from .test_daas_vectors import FOLDER

SCHEMA = json.loads((FOLDER / "vectors.schema.json").read_text(encoding="utf-8"))
FILES = sorted(path for path in FOLDER.glob("*.json") if not path.name.endswith(".schema.json"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

every_file = each_case("path", FILES, ids=lambda path: path.name)


def test_there_are_files_and_the_schema_is_one() -> None:
    assert "direct.json" in [path.name for path in FILES]
    VALIDATOR.check_schema(SCHEMA)


@every_file
def test_a_file_is_what_the_schema_says(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(json.loads(path.read_text(encoding="utf-8")))] == []


SPOILED = {
    "no vectors": lambda vectors: vectors.clear(),
    "no source": lambda vectors: vectors[0].pop("source"),
    "a blank source": lambda vectors: vectors[0].update(source=""),
    "no hash": lambda vectors: vectors[0].pop("hash"),
    "no date": lambda vectors: vectors[0].pop("date"),
    "a name that is not known": lambda vectors: vectors[0].update(key="x"),
    "a key with a colon": lambda vectors: vectors[0].update(public_key="a:b" * 8),
    "a character that is no byte": lambda vectors: vectors[0].update(string_to_sign="\u20ac"),
    "a mistake with a hash": lambda vectors: vectors[-1].update(hash="0" * 64),
    "a mistake without a header": lambda vectors: vectors[-1].pop("authorization"),
}


@each_case("spoil", SPOILED.values(), ids=SPOILED)
def test_the_schema_finds_what_is_wrong(spoil: Callable[..., Any]) -> None:
    vectors = json.loads((FOLDER / "direct.json").read_text(encoding="utf-8"))
    spoil(vectors)
    assert not VALIDATOR.is_valid(vectors)
