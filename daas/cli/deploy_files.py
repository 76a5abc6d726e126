"""The command `daas deploy-files`."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import click

from ..errors import OperatorError
from .output import Row, prints_result


@click.command("deploy-files")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@prints_result
def deploy_files(directory: Path) -> Iterable[Row]:
    """Write the files for nginx, systemd and monitoring.

    They are those of this release. A file that exists with other contents is not overwritten: then nothing is written.
    """
    shipped = {each.name: each.read_bytes() for each in resources.files("daas.deploy").iterdir() if each.is_file()}
    del shipped["__init__.py"]  # What makes it a package.
    targets = {directory / name: content for name, content in sorted(shipped.items())}
    try:
        for path, content in targets.items():
            if path.exists() and path.read_bytes() != content:
                raise OperatorError(f"{path} exists and differs from this release's file; nothing was written.")
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in targets.items():
            path.write_bytes(content)
            if path.suffix == ".sh":
                path.chmod(0o755)
    except OSError as error:
        raise OperatorError(f"{directory} cannot be written ({error.strerror}).") from error
    return [{"file": str(path)} for path in targets]
