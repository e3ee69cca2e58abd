"""The command line: ``napari-dacapo COMMAND``, one module for each group of commands.

Modules of commands import what they need inside the functions, so that
``napari-dacapo --help`` and ``napari-dacapo runs`` answer at once.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from napari_dacapo.cli import follow, link, listing, opening, predict
from napari_dacapo.cli.printing import say
from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

app = typer.Typer(
    name="napari-dacapo",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("runs")(listing.runs)
app.command("show")(listing.show)
app.command("open")(opening.open_run)
app.command("demo")(opening.demo)
app.command("predict")(predict.predict)
app.command("link")(link.link)
app.command("follow")(follow.follow)


@app.callback()
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """See what a network learned: DaCapo training runs in napari.

    \b
    Examples:
      napari-dacapo demo                      a real run, without a store of your own
      napari-dacapo runs /nrs/lab/dacapo      what there is
      napari-dacapo open my_run --store /nrs/lab/dacapo
    """
    if version:
        from napari_dacapo import __version__

        print(__version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; what goes wrong is one line on stderr and an exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; by default ``sys.argv[1:]``.

    Raises
    ------
    SystemExit
        With 0 if all went well, 1 after an error, 2 if the arguments make no
        sense, 130 if interrupted.
    """
    # Names are printed even where the terminal cannot write them.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(given, prog_name="napari-dacapo", standalone_mode=False)
        sys.stdout.flush()
    except NapariDacapoError as error:
        _fail(str(error))
    except BrokenPipeError:
        # Whoever read us has seen enough (head, less); Python would complain when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # typer's own: wrong arguments
        if usage is not None:
            _fail(f"{usage()} See napari-dacapo --help.", getattr(error, "exit_code", 2))
        if os.environ.get("NAPARI_DACAPO_DEBUG"):
            raise
        _fail(f"{type(error).__name__}: {error} (NAPARI_DACAPO_DEBUG=1 shows where)")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int = 1) -> NoReturn:
    say(message)
    sys.exit(code)
