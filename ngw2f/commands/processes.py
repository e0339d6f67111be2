"""The commands that other commands start, in processes or in forks of a supervisor."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial

from ngw2f.settings import SettingError, Settings, load_settings

# The first log each successful step. The last log mistakes of other people's sites, with the URL
# and a traceback; we log what became of the link.
QUIET_LOGGERS = ("alembic", "rq", "rq.cron", "rq.worker", "rq.queue", "rq.scheduler")
LEVELS = dict.fromkeys(QUIET_LOGGERS, "WARNING") | dict.fromkeys(("urllib3", "PIL"), "CRITICAL")

# The queues of workers. (ngw2f/jobs/wakeup.py has the names, too, but imports RQ.)
QUEUES = ("render", "links")


def add_processes(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the processes that other commands start; the help does not list them.

    `check` looks for what would stop the others, which need descriptors that they inherit.
    """
    check = commands.add_parser("check")
    check.add_argument("--database", action="store_true")
    check.set_defaults(run=_check)

    process = commands.add_parser("worker-process")
    process.add_argument("--queues", type=parse_queues, default=",".join(QUEUES))
    process.add_argument("--starts", type=parse_queues)
    process.add_argument("--status", type=int)
    process.add_argument("--lifeline", type=int)
    process.set_defaults(run=_worker_process, settings=None)

    cron = commands.add_parser("cron")
    cron.add_argument("--lifeline", type=int)
    cron.set_defaults(run=_cron, settings=None)

    embedded = commands.add_parser("embedded")
    embedded.add_argument("--lifeline", type=int, required=True)
    embedded.add_argument("--status", type=int, required=True)
    embedded.set_defaults(run=_embedded, settings=None)


# Nothing drops it: it depends on no chat.
@cache
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ngw2f")
    add_processes(parser.add_subparsers(required=True))
    return parser


def begin(arguments: Sequence[str]) -> Callable[[], None]:
    """Parse one of these commands and read its settings; return what runs it in a fork.

    The fork shares all memory that neither process writes to, so it begins with this done.
    """
    options = _parser().parse_args(arguments)
    try:
        options.settings = read_settings()
    except SettingError as error:
        return partial(sys.exit, f"ngw2f: {error}")
    return partial(run_command, options)


def run_here(arguments: Sequence[str]) -> None:
    """Run one of these commands in this process, a fork of gunicorn's master."""
    configure_logs()
    begin(arguments)()


def configure_logs() -> None:
    """Log to standard error, and of the libraries what matters."""
    logging.basicConfig(format="[%(process)d] [%(levelname)s] %(message)s")
    for name, level in LEVELS.items():
        set_level(name, level)


def run_command(options: argparse.Namespace) -> None:
    """Run a parsed command; exit with one line if a setting is wrong."""
    try:
        options.run(options)
        sys.stdout.flush()
    except SettingError as error:
        sys.exit(f"ngw2f: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does.
        sys.exit(1)
    finally:
        _let_go_of_output()


def _let_go_of_output() -> None:
    """Write what is left, or drop it: otherwise Python would fail at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse_queues(text: str) -> str:
    """Return a comma-separated list of queues, checked."""
    names = text.split(",")
    if not set(names) <= set(QUEUES):
        raise argparse.ArgumentTypeError(f"the queues are {', '.join(QUEUES)}")
    return ",".join(dict.fromkeys(names))


def _check(options: argparse.Namespace) -> None:
    from ngw2f.server.precheck import check
    from ngw2f.store.current import is_current
    from ngw2f.store.current_postgresql import is_current_postgresql

    settings = load_settings()
    check(settings)
    if not options.database or is_current(settings) or is_current_postgresql(settings):
        return
    from sqlalchemy.exc import SQLAlchemyError

    from ngw2f.store.usable import NewerError, UnusableError, check_chat

    try:
        # An unreachable database may be back soon; with a newer schema an old worker goes on.
        with suppress(SQLAlchemyError, NewerError):
            check_chat(settings)
    except UnusableError as error:
        raise SettingError(f"{settings.database_name}: {error}") from error


def _worker_process(options: argparse.Namespace) -> None:
    from ngw2f.jobs.worker import run_worker

    settings = options.settings or read_settings()
    starts = options.starts.split(",") if options.starts else ()
    queues = options.queues.split(",")
    run_worker(settings, queues, options.status, options.lifeline, starts)


def _cron(options: argparse.Namespace) -> None:
    from ngw2f.jobs.worker import run_cron

    run_cron(options.settings or read_settings(), options.lifeline)


def _embedded(options: argparse.Namespace) -> None:
    from ngw2f.server.embedded import EmbeddedError
    from ngw2f.server.valkey import supervise

    try:
        supervise(options.settings or read_settings(), options.lifeline, options.status, begin)
    except EmbeddedError as error:
        sys.exit(f"ngw2f: {error}")


def read_settings() -> Settings:
    """Read the settings of a long-running process, and configure its log by them."""
    from ngw2f.observe.logs import GatheringHandler

    settings = load_settings()
    set_level("root", settings.log_level)
    logging.getLogger().handlers = [GatheringHandler(settings.log_format)]
    return settings


def set_level(name: str, level: str) -> None:
    """Set a logger's level only if it differs: that writes to the memory that forks share."""
    logger = logging.getLogger(name)
    if logger.level != logging.getLevelName(level):
        logger.setLevel(level)
