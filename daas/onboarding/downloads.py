"""The files that the pages show and that can be downloaded: the sample programs and the signing vectors."""

import json
from importlib import resources
from typing import Any

#: Content by folder and name, as in the address of a download.
DOWNLOADS = {
    f"{folder}/{path.name}": path.read_bytes()
    for folder, directory in [
        ("examples", resources.files("daas.examples")),
        ("vectors", resources.files("daas.signing") / "vectors"),
    ]
    for path in directory.iterdir()
    if path.is_file() and path.name != "__init__.py"
}

SCHEMA = "vectors.schema.json"


def sample(name: str) -> str:
    """Give the text of a sample program."""
    return DOWNLOADS[f"examples/{name}"].decode()


def vector_files() -> dict[str, list[dict[str, Any]]]:
    """Give the signing vectors by the name of their file, one file for each scheme."""
    names = sorted(name.removeprefix("vectors/") for name in DOWNLOADS if name.startswith("vectors/"))
    return {name: vectors(name) for name in names if name.endswith(".json") and name != SCHEMA}


def vectors(name: str) -> Any:
    """Read a file that lies with the vectors."""
    return json.loads(DOWNLOADS[f"vectors/{name}"])


def written(vector: dict[str, Any]) -> str:
    """Write a vector as it stands in its file."""
    return json.dumps(vector, indent=2, ensure_ascii=False)
