"""The command `daas settings`."""

from collections.abc import Iterable

import click

from ..settings import SETTINGS, Setting, load_settings, read_environ, text_of
from .output import Row, prints_result


@click.command()
@prints_result
def settings() -> Iterable[Row]:
    """Show the value and the source of every setting.

    Secrets are left out.
    """
    environ = read_environ()
    understood = load_settings(environ)
    return [_describe(setting, getattr(understood, setting.field), environ) for setting in SETTINGS]


def _describe(setting: Setting, value: object, environ: dict[str, str]) -> Row:
    text = text_of(setting, environ)
    shown = setting.mask(value) if setting.mask else text or setting.default
    origin = "file" if environ.get(f"{setting.name}_FILE") else "set" if text else "default"
    return {"setting": setting.name, "value": shown, "from": origin}
