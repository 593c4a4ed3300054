"""`metaclr VERB ...`: one file per verb, found by its name and imported on use."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path

import click

VERBS = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_"))


WITH_RANKS = ("bridge", "compare", "sweep", "train")
"""Verbs that torchrun may start as several processes."""


class Verbs(click.Group):
    """A click group whose commands are the files of this folder, each with a `command`."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The verbs, in alphabetical order."""
        return VERBS

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one verb's file; None if there is no such verb."""
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"metaclr.cli.{name}").command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, but the error for an unknown verb names the nearest one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from metaclr.errors import unknown

            raise unknown("verb", args[0], VERBS)
        if args and args[0] not in WITH_RANKS and _ranks() > 1:
            from metaclr.errors import UserError

            raise UserError(
                f"{args[0]!r} runs in one process; start it without torchrun, which is for {', '.join(WITH_RANKS)}"
            )
        return super().resolve_command(context, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="metaclr", prog_name="metaclr", message="%(prog)s %(version)s")
def cli() -> None:
    """Train and compare contrastive and few-shot learners: one engine, one set of episodes, one table.

    Start with `metaclr compare`: included data, a few minutes on two cores, results in ./results.
    """


def main() -> None:
    """Entry point. Errors that a user can fix are one line and exit code 2; an interrupt is 130."""
    from episodes.errors import EpisodeError
    from metaclr.errors import SilentError, UserError, memory_error_line, path_error_line

    try:
        with _joined():
            code = cli.main(standalone_mode=False)
    except SilentError as silent:
        sys.exit(_code(silent, 2))
    except (UserError, EpisodeError) as error:
        _print_error(str(error))
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as interrupt:
        # click replaces every interrupt by its own Abort; the engine's message is in the cause.
        _print_error(str(interrupt.__cause__ or interrupt) or "interrupted; run the same command again to resume")
        sys.exit(_code(interrupt, 130))
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        _print_error(f"{error.filename or 'output'}: {error.strerror or error}")
        sys.exit(2)
    except (MemoryError, ValueError, RuntimeError) as error:
        if not (line := memory_error_line(error) or path_error_line(error)):
            raise
        _print_error(line)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _code(error: BaseException | None, default: int) -> int:
    """`exit_code` of an error, or of the first of its causes that has one."""
    while error is not None:
        if isinstance(code := getattr(error, "exit_code", None), int):
            return code
        error = error.__cause__
    return default


def _ranks() -> int:
    """Number of processes that torchrun started for this command."""
    from metaclr.environment import environment_int

    return environment_int("WORLD_SIZE", 1)


def _joined() -> AbstractContextManager[None]:
    """The process group of all ranks, joined before the command is parsed, so that all end with any of its errors."""
    if _ranks() == 1:
        return nullcontext()
    from metaclr.engine.process_group import process_group

    return process_group()


def _print_error(message: str) -> None:
    # Names that are not UTF-8 arrive with surrogates, which a terminal cannot print.
    line = " ".join(message.split()).encode(errors="backslashreplace").decode()
    click.echo(f"metaclr: {line}", err=True)
