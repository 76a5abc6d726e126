"""The software bill of materials, in CycloneDX's JSON, from the lock file."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Locked(NamedTuple):
    """A package of the lock file; `needed_by` has the names of the packages that need it, "daas" for this one."""

    name: str
    version: str
    conditional: bool
    needed_by: list[str]


def read_lock(text: str) -> Iterator[Locked]:
    """Yield the packages of a lock file as `make lock` writes it."""
    for entry in re.split(r"^(?=[a-z])", re.sub(r"\A(#.*\n)+", "", text), flags=re.MULTILINE)[1:]:
        pinned = re.match(r"([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)( ;)?", entry)
        if pinned is None:
            raise ValueError(f"not pinned: {entry.splitlines()[0]}")
        via = re.findall(r"^ +#(?: via| ) +([a-z0-9._-]+)", entry, re.MULTILINE)
        yield Locked(pinned[1], pinned[2], bool(pinned[3]), via)


def make_sbom(version: str, lock: str) -> dict[str, Any]:
    """Return the bill of materials of a version of daas; what only some platforms or Pythons need is optional."""
    packages = [*read_lock(lock)]
    this = _component("application", "daas", version)
    needed = {name: set[str]() for name in ["daas", *(package.name for package in packages)]}
    reference = {"daas": this["bom-ref"]}
    components = []
    for package in packages:
        component = _component("library", package.name, package.version)
        component["scope"] = "optional" if package.conditional else "required"
        components.append(component)
        reference[package.name] = component["bom-ref"]
        for name in package.needed_by:
            needed[name].add(component["bom-ref"])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": this},
        "components": components,
        "dependencies": [
            {"ref": reference[name], "dependsOn": sorted(references)} for name, references in needed.items()
        ],
    }


def _component(kind: str, name: str, version: str) -> dict[str, Any]:
    package_url = f"pkg:pypi/{name}@{version}"
    return {"type": kind, "bom-ref": package_url, "name": name, "version": version, "purl": package_url}
