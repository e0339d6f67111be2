"""The `ngw2f` command."""

import argparse
import io
import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from ngw2f.broker.unused_parts import leave_unused_out
from ngw2f.commands import cache, xray
from ngw2f.commands.places import find_configuration
from ngw2f.commands.processes import (
    QUEUES,
    add_processes,
    begin,
    configure_logs,
    parse_queues,
    read_settings,
    run_command,
)
from ngw2f.forks import Fork, open_standard
from ngw2f.settings import SettingError, load_settings

ARCHIVE_COMMANDS = {
    "backup": "write the database, as it is now, into a new file",
    "restore": "put a backup in the place of the database",
    "export": "write all of the chat as JSON lines into a new file",
    "import": "read an export into a database that nobody has used",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exit with one line if a setting is wrong."""
    open_standard()
    leave_unused_out()
    parser = _parser()
    # Unknown arguments of `serve` are gunicorn's; argparse's REMAINDER takes no options.
    options, rest = parser.parse_known_args(arguments)
    if rest and options.run is not _serve:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A path may have characters that the terminal cannot show.
        sys.stdout.reconfigure(errors="backslashreplace")
    configure_logs()
    run_command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ngw2f", description="A multi-user chat, hand-built on WSGI.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_commands(commands)
    add_processes(commands)
    return parser


def _add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add what an operator types."""
    serve = commands.add_parser("serve", help="run the chat; what follows goes to gunicorn")
    serve.set_defaults(run=_serve)

    migrate = commands.add_parser("migrate", help="bring the database to the newest schema")
    migrate.set_defaults(run=_migrate)

    worker = commands.add_parser("worker", help="run a pool of RQ workers, and the upkeep")
    worker.add_argument("--workers", type=_count, default=1, help="how many (1)")
    worker.add_argument(
        "--queues",
        type=parse_queues,
        help=f"what each of them works on, of {','.join(QUEUES)}; unless said, "
        "they render, and one more fetches links",
    )
    worker.set_defaults(run=_worker)

    jobs = commands.add_parser("jobs", help="list what failed, or put it back")
    jobs.add_argument("action", nargs="?", choices=["list", "requeue"], default="list")
    jobs.add_argument("ids", nargs="*", metavar="ID", help="which to requeue; all unless said")
    jobs.set_defaults(run=_jobs)

    explain = commands.add_parser("explain-link", help="say why a link has, or has no, preview")
    explain.add_argument("url", metavar="URL")
    explain.set_defaults(run=_explain_link)

    metrics = commands.add_parser("metrics", help="print what /metrics tells, of this machine")
    metrics.set_defaults(run=_metrics)

    doctor = commands.add_parser("doctor", help="say what is wrong, in plain words")
    doctor.set_defaults(run=_doctor)

    administrator = commands.add_parser("administrator", help="make an account administrator")
    administrator.add_argument("nickname", metavar="NICKNAME")
    administrator.set_defaults(run=_administrator)

    xray.add_command(commands)
    cache.add_command(commands)

    for name, purpose in ARCHIVE_COMMANDS.items():
        archive = commands.add_parser(name, help=purpose)
        archive.add_argument("file", type=Path)
        archive.set_defaults(run=partial(_archive, name))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError("a whole number of at least 1")
    return int(text)


def _serve(options: argparse.Namespace) -> None:
    configuration = find_configuration()
    os.environ.setdefault("NGW2F_SETTINGS", os.getcwd())
    # Not `-m gunicorn`: after a hot upgrade gunicorn's own modules would hide those of the
    # standard library (gunicorn/http/ would hide http).
    script = str(Path(sysconfig.get_path("scripts")) / "gunicorn")
    command = [script, "-c", str(configuration), "--pythonpath", str(configuration.parent)]
    os.execv(sys.executable, [sys.executable, *command, *options.rest, "app:application"])


def _migrate(_options: argparse.Namespace) -> None:
    from ngw2f.server.precheck import check
    from ngw2f.store.current import is_current
    from ngw2f.store.current_postgresql import is_current_postgresql

    settings = load_settings()
    check(settings)
    if is_current(settings) or is_current_postgresql(settings):
        return
    # A server's start waits for this: libraries are not loaded for nothing.
    from sqlalchemy.exc import SQLAlchemyError

    from ngw2f.store.migrate import MigrationError, migrate
    from ngw2f.store.reasons import reason_of

    try:
        migrate(settings)
    except SQLAlchemyError as error:
        raise SettingError(f"{settings.database_name}: {reason_of(error)}") from error
    except (MigrationError, OSError) as error:
        raise SettingError(f"{settings.database_name}: {error}") from error


def _worker(options: argparse.Namespace) -> None:
    from ngw2f.observe.metrics.files import begin_anew
    from ngw2f.server.supervisor import Supervisor, default_pools, load_jobs, worker_specs
    from ngw2f.server.systemd import Systemd

    settings = read_settings()
    # In a separate process: what it leaves behind would be copied into each worker.
    check = ["check", "--database"]
    if status := Fork(begin(check), ["ngw2f", *check]).wait():
        sys.exit(status)
    begin_anew(settings.metrics_path)
    pools = default_pools(options.workers)
    if options.queues:
        pools = {options.queues: options.workers}
    systemd = Systemd()
    specs = worker_specs(pools, begin)
    Supervisor(specs, systemd=systemd if systemd.is_there else None).run(
        partial(load_jobs, settings)
    )


def _jobs(options: argparse.Namespace) -> None:
    from redis.exceptions import RedisError
    from sqlalchemy.exc import SQLAlchemyError

    from ngw2f.broker.connection import Broker, connect
    from ngw2f.jobs import failed
    from ngw2f.jobs.wakeup import RENDER, WakeUp
    from ngw2f.store.database import Database
    from ngw2f.store.reasons import reason_of
    from ngw2f.store.usable import UnusableError, check_chat

    settings = load_settings()
    try:
        check_chat(settings)
    except (UnusableError, SQLAlchemyError) as error:
        raise SettingError(f"{settings.database_name}: {reason_of(error)}") from error
    database = Database(settings.sqlalchemy_url)
    try:
        with connect(settings, 5.0) as redis:
            if options.action == "list":
                found = [
                    *failed.list_failed(redis, settings.redis_prefix),
                    *failed.list_set_aside(database),
                ]
                lines = found or ["no job has failed"]
            else:
                names = set(options.ids)
                requeued = failed.requeue(redis, settings.redis_prefix, names)
                with closing(Broker(settings)) as broker:
                    requeued += failed.render_again(database, WakeUp(broker, RENDER), names)
                lines = [f"requeued {name}" for name in requeued] or ["there is no such job"]
    except RedisError as error:
        sys.exit(f"ngw2f: Redis cannot be reached: {error}")
    finally:
        database.close()
    _print(lines)


def _explain_link(options: argparse.Namespace) -> None:
    from ngw2f.commands.explain import explain_link
    from ngw2f.links.visit import build_fetcher

    has_preview, lines = explain_link(build_fetcher(load_settings()), options.url)
    _print(lines)
    sys.exit(0 if has_preview else 1)


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _metrics(_options: argparse.Namespace) -> None:
    from ngw2f.broker.connection import Broker
    from ngw2f.jobs.gauges import read_gauges
    from ngw2f.observe.metrics.text import write_text
    from ngw2f.store.database import Database

    settings = load_settings()
    database, broker = Database(settings.sqlalchemy_url), Broker(settings)
    gauges = partial(read_gauges, database, broker)
    sys.stdout.write(write_text(settings.metrics_path, broker, gauges).decode())
    broker.close()
    database.close()


def _doctor(_options: argparse.Namespace) -> None:
    from ngw2f.commands.doctor import examine

    findings = []
    for finding in examine(load_settings()):
        sys.stdout.write(f"{finding}\n")
        findings.append(finding)
    sys.exit(any(finding.level == "error" for finding in findings))


def _administrator(options: argparse.Namespace) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from ngw2f.actions.administration import appoint_by_operator
    from ngw2f.core import build_core
    from ngw2f.errors import DomainError
    from ngw2f.store.reasons import reason_of
    from ngw2f.store.usable import UnusableError, check_chat

    settings = load_settings()
    try:
        check_chat(settings)
    except (UnusableError, SQLAlchemyError) as error:
        raise SettingError(f"{settings.database_name}: {reason_of(error)}") from error
    with closing(build_core(settings)) as core:
        try:
            user = appoint_by_operator(core, options.nickname)
        except DomainError as error:
            sys.exit(f"ngw2f: {error.detail}")
    _print([f"{user.nickname} administers the chat"])


def _archive(name: str, options: argparse.Namespace) -> None:
    from ngw2f.commands import archive

    archive.run(name, load_settings(), options.file)
