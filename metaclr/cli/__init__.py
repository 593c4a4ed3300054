"""`metaclr VERB ...`: one file per verb, found by its name and imported only when it is asked for."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path

import click

VERBS = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_"))


WITH_RANKS = ("bridge", "compare", "train")
"""Verbs whose work several processes of torchrun share."""


class Verbs(click.Group):
    """A click group whose commands are the files of this folder, each with a `command`."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The verbs, in alphabetical order."""
        return VERBS

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one verb's file; None for an unknown name."""
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"metaclr.cli.{name}").command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown verb names the nearest one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from metaclr.errors import unknown

            raise unknown("verb", args[0], VERBS)
        if args and args[0] not in WITH_RANKS and _ranks() > 1:
            from metaclr.errors import UserError

            raise UserError(f"{args[0]!r} is work for one process; torchrun is for {', '.join(WITH_RANKS)}")
        return super().resolve_command(context, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="metaclr", prog_name="metaclr", message="%(prog)s %(version)s")
def cli() -> None:
    """Contrastive and few-shot learners side by side: one engine, one set of episodes, one table.

    Start with `metaclr compare`: embedded data, a few minutes on two cores, results in ./results.
    """


def main() -> None:
    """Entry point: errors a user can mend are one line and exit code 2; an interrupt is 130."""
    from episodes.errors import EpisodeError
    from metaclr.errors import SilentError, UserError

    try:
        with _joined():
            code = cli.main(standalone_mode=False)
    except SilentError as told:
        sys.exit(_code(told, 2))
    except (UserError, EpisodeError) as error:
        _say(str(error))
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as interrupt:
        # click turns every interrupt into its own Abort; what the engine said is the cause.
        _say(str(interrupt.__cause__ or interrupt) or "interrupted; the same command goes on from here")
        sys.exit(_code(interrupt, 130))
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        _say(f"{error.filename or 'output'}: {error.strerror or error}")
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _code(error: BaseException | None, default: int) -> int:
    """The exit code of an error, or of the first of its causes that has one."""
    while error is not None:
        if isinstance(code := getattr(error, "exit_code", None), int):
            return code
        error = error.__cause__
    return default


def _ranks() -> int:
    """Processes that torchrun has started for this command."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _joined() -> AbstractContextManager[None]:
    """Ranks join before a line of the command is read, so that they end together whatever is wrong with it."""
    if _ranks() == 1:
        return nullcontext()
    from metaclr.engine.process_group import process_group

    return process_group()


def _say(message: str) -> None:
    click.echo(f"metaclr: {' '.join(message.split())}", err=True)
