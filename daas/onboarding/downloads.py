"""The sample programs and signing vectors that pages show and offer for download."""

import json
from importlib import resources
from typing import Any

import werkzeug
from flask import Response, request

#: The files' bytes, by folder and name as in the URL of a download.
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
    """Return the text of a sample program."""
    return DOWNLOADS[f"examples/{name}"].decode()


def vector_files() -> dict[str, list[dict[str, Any]]]:
    """Return the signing vectors by file name; there is one file for each scheme."""
    names = sorted(name.removeprefix("vectors/") for name in DOWNLOADS if name.startswith("vectors/"))
    return {name: vectors(name) for name in names if name.endswith(".json") and name != SCHEMA}


def vectors(name: str) -> Any:
    """Return the contents of a JSON file in the folder of the vectors."""
    return json.loads(DOWNLOADS[f"vectors/{name}"])


def written(vector: dict[str, Any]) -> str:
    """Return a vector as JSON text, formatted as in its file."""
    return json.dumps(vector, indent=2, ensure_ascii=False)


def send_file(content: bytes, type_: str) -> werkzeug.Response:
    """Return a response with bytes that only a release changes; browsers ask each time whether it did."""
    response = Response(content, mimetype=type_, headers={"Cache-Control": "no-cache"})
    response.add_etag()
    return response.make_conditional(request)
