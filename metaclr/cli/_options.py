"""Options that several verbs share, said once."""

from __future__ import annotations

from pathlib import Path

import click

device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
data_root_option = click.option(
    "--data-root", type=click.Path(path_type=Path), help="Folder of data sets [METACLR_DATA]."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe; may be repeated."
)
