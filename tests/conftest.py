"""The chat as the tests use it: on a real Valkey, on a real SQLite or PostgreSQL."""

import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from wsgiref.validate import validator

import msgspec
import pytest
from hypothesis import HealthCheck, is_hypothesis_test
from hypothesis import settings as hypothesis_settings
from redis import Redis
from redis.exceptions import RedisError
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from app import create_application
from ngw2f.broker.connection import connect
from ngw2f.jobs.context import JobContext, build_context, current_context
from ngw2f.jobs.render import render_messages
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.jobs.worker import ChatWorker
from ngw2f.observe.logs import LOGGERS
from ngw2f.server.service import Service
from ngw2f.server.valkey import valkey_spec
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from tests import answers, xrayed
from tests.cheap_hashes import CHEAP
from tests.client import Client
from tests.compiled_first import compiled_first, were_compiled
from tests.compiled_once import compile_once
from tests.databases import LentDatabase
from tests.distributions import build_once
from tests.hanging import HangWatch
from tests.migrated import migrate_once
from tests.npm import install_once
from tests.parts import part_of
from tests.postgresql import run_postgresql
from tests.scheduling import SharedFirst, place_of
from tests.traced_threads import keep_first_greenlets
from tests.workers import common_folder

# A machine that others use too takes longer now and then than a request would wait.
REDIS_TIMEOUT_SECONDS = 60.0
# Nor does a fetch process, which leaves the processors to others, run out of time for its sites.
LINKS_TIMEOUT_SECONDS = 60.0

# By default, the search of all generations takes a tenth of the time of the tests.
GC_THRESHOLDS = 5_000, 10, 20

# A machine that others use too has no time limits for a single example. Where nothing may
# be skipped, the examples are the same each time: such a run judges the change, not the draw.
hypothesis_settings.register_profile(
    "shared machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="REQUIRE_ALL_TESTS" in os.environ,
)
hypothesis_settings.load_profile("shared machine")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(HangWatch())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedFirst:
    return SharedFirst(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker of xdist whether the tests were compiled before all of them started."""
    node.workerinput["is_compiled"] = were_compiled(node.config)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Collect without looking for garbage, and never look for it in what was collected.

    The tests, and all that they import, stay to the end.
    """
    worker = getattr(session.config, "workerinput", {"is_compiled": True})
    gc.disable()
    try:
        with nullcontext() if worker["is_compiled"] else compiled_first(Path(__file__)):
            return (yield)
    finally:
        gc.freeze()
        # All that is left to find are closed chats.
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its part of the suite, before `-m` selects; order them for xdist."""
    for item in items:
        if isinstance(item, pytest.Function):
            item.add_marker(part_of(item.nodeid, vars(item.module), item.fixturenames))
            if is_hypothesis_test(item.function):
                # What only made-up input covers would not be covered each time.
                item.add_marker("no_cover")
    if hasattr(config, "workerinput"):
        items.sort(key=place_of)


@pytest.fixture(scope="session", autouse=True)
def _first_greenlets_kept() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if sys.version_info < (3, 12):
            keep_first_greenlets(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_chats() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ngw2f.passwords.RFC_9106_LOW_MEMORY", CHEAP)
        compile_once(patch)
        yield


@pytest.fixture(autouse=True, scope="module")
def _as_nice_as_before() -> Iterator[None]:
    """Find a test that makes this process nice: those after it would wait for all others."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    yield
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.fixture(autouse=True)
def _loggers_kept() -> Iterator[None]:
    """Give the next test the loggers that this one had: a service that starts configures them."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    kept = [(each.level, each.handlers, each.propagate) for each in loggers]
    yield
    for logger, (level, handlers, propagate) in zip(loggers, kept, strict=True):
        # It has all loggers forget which levels are enabled.
        if logger.level != level:
            logger.setLevel(level)
        logger.handlers, logger.propagate = handlers, propagate


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Run the embedded Valkey, started as the supervisor starts it."""
    with tempfile.TemporaryDirectory(prefix="ngw2f-", ignore_cleanup_errors=True) as directory:
        settings = Settings(data_dir=directory)
        spec = valkey_spec(settings)
        process = subprocess.Popen(spec.argv, preexec_fn=spec.prepare, stdin=subprocess.DEVNULL)
        try:
            with connect(settings, REDIS_TIMEOUT_SECONDS) as redis:
                _wait_for(redis)
            yield f"unix://{directory}/valkey.sock"
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    """Give a client of an empty Valkey."""
    with Redis.from_url(valkey_url, socket_timeout=REDIS_TIMEOUT_SECONDS) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of what npm has installed, once for all of pytest's workers."""
    return install_once(common_folder(tmp_path_factory) / "npm")


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of both distributions, built once for all of pytest's workers."""
    return build_once(common_folder(tmp_path_factory) / "distributions")


@pytest.fixture(scope="session")
def migrated_sqlite() -> Path:
    """Migrate once; the tests get copies."""
    return migrate_once()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    url = os.environ.get("TEST_DATABASE_URL")
    if url:
        yield url
        return
    with run_postgresql() as own_url:
        yield own_url


@pytest.fixture(scope="session")
def lent_database(postgresql_url: str, tmp_path_factory: pytest.TempPathFactory) -> LentDatabase:
    """Give the database on PostgreSQL, which one test after another has to itself."""
    return LentDatabase(postgresql_url, str(tmp_path_factory.mktemp("template")))


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """Say what stores the chat. Tests for both, or for one alone, have it parametrized."""
    default = "postgresql" if os.environ.get("TEST_DATABASE_URL") else "sqlite"
    return str(getattr(request, "param", default))


@pytest.fixture
def database_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give a migrated database of the test's own; "" for the one in the data directory."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path)
        yield ""
        return
    database: LentDatabase = request.getfixturevalue("lent_database")
    yield database.url
    database.clean()


@pytest.fixture
def settings(tmp_path: Path, database_url: str, valkey_url: str, redis: Redis) -> Settings:
    return Settings(
        data_dir=str(tmp_path),
        database_url=database_url,
        redis_url=valkey_url,
        redis_timeout_seconds=REDIS_TIMEOUT_SECONDS,
        links_timeout_seconds=LINKS_TIMEOUT_SECONDS,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.sqlalchemy_url)
    yield database
    database.close()


@pytest.fixture
def build(settings: Settings) -> Iterator[Callable[..., Service]]:
    """Build services with other settings; all of them are closed at the end."""
    services: list[Service] = []

    def build_one(**changes: object) -> Service:
        changed = msgspec.structs.replace(settings, **changes)
        service = xrayed.build_recorded(changed) if xrayed.IS_ON else create_application(changed)
        if answers.FILE:
            service._chain = answers.Noting(service._chain, answers.FILE)
        services.append(service)
        return service

    yield build_one
    for service in services:
        service.close()
    if xrayed.IS_ON:
        assert [fault for service in services for fault in xrayed.faults_of(service)] == []


@pytest.fixture
def service(build: Callable[..., Service]) -> Service:
    return build()


@pytest.fixture
def client(service: Service) -> Client:
    """Give a client of the whole application, with a referee between them."""
    return Client(validator(service), service)


@pytest.fixture
def job_context(settings: Settings) -> Iterator[JobContext]:
    with _open_context(settings) as job_context:
        yield job_context


@pytest.fixture
def render(settings: Settings) -> Callable[[], int]:
    """Give a function that renders what waits, without a queue in between."""

    def run() -> int:
        with _open_context(settings):
            return render_messages()

    return run


@pytest.fixture
def work(settings: Settings) -> Callable[..., None]:
    """Give a function that runs an RQ worker, of this chat or another, until its queue is empty."""

    def run(chat: Settings = settings) -> None:
        with _open_context(chat) as job_context, _signal_handlers_kept():
            worker = ChatWorker(job_context, QUEUES, chat.worker_max_jobs, None)
            worker.work(burst=True, logging_level="WARNING")
            worker.connection.close()

    return run


@contextmanager
def _open_context(settings: Settings) -> Iterator[JobContext]:
    job_context = build_context(settings)
    token = current_context.set(job_context)
    try:
        yield job_context
    finally:
        current_context.reset(token)
        job_context.close()


@contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _wait_for(redis: Redis) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            redis.ping()
        except RedisError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
