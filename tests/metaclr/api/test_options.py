"""One list of options: of the functions, of the command line, and of the value that both build."""

from pathlib import Path

import click
import pytest

from metaclr.api.options import OptionArguments, Options, read_options
from metaclr.api.trust import check_trust
from metaclr.cli.bridge import command as bridge
from metaclr.cli.compare import command as compare
from metaclr.errors import UserError

FIELDS = tuple(Options.__dataclass_fields__)


def test_keyword_arguments_and_options_are_the_same() -> None:
    assert tuple(OptionArguments.__annotations__) == FIELDS


@pytest.mark.parametrize("command", [compare, bridge])
def test_every_option_of_the_command_line_is_a_field(command: click.Command) -> None:
    named = {p.name for p in command.params if isinstance(p, click.Option)}
    assert set(FIELDS) - {"quiet"} <= named
    own = {"methods", "sources", "source", "order", "both_orders", "dry_run"}
    assert named - set(FIELDS) <= own | {"protocol", "tune", "tune_on", "tune_steps"}  # the last of compare alone


def test_an_option_means_the_same_in_every_command() -> None:
    texts = [{p.name: p.help for p in c.params if isinstance(p, click.Option)} for c in (compare, bridge)]
    for name in FIELDS:
        if name not in ("seeds", "out", "quiet"):  # the first two name their defaults
            assert texts[0][name] == texts[1][name]


def test_an_unknown_argument_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'steps'"):
        read_options({"stesp": 3})


def test_a_file_that_a_results_folder_names_runs_on_request_only(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('methods = ["simclr", { name = "mine.py" }]\n')
    check_trust(recipe, trust=False)
    (tmp_path / "rows.csv").touch()
    with pytest.raises(UserError, match=r"'mine\.py', which would be run; .* --trust"):
        check_trust(recipe, trust=False)
    check_trust(recipe, trust=True)
    recipe.write_text('methods = ["simclr"]\n')
    check_trust(recipe, trust=False)
