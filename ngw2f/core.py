"""The parts that the web and the jobs share, built once for each process."""

from dataclasses import dataclass

from middleware.cache import SharedGroupClock
from ngw2f.broker.connection import Broker
from ngw2f.live.cache_groups import open_group_clock
from ngw2f.live.log import EventLog
from ngw2f.observe.metrics.files import Recorder
from ngw2f.observe.metrics.tally import Tally
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from ngw2f.store.file_contents import FileContents


@dataclass(frozen=True, slots=True)
class Core:
    """One chat's settings, and what it stores in. Nothing connects before its first use."""

    settings: Settings
    database: Database
    broker: Broker
    # When which group of cached answers was dropped.
    clock: SharedGroupClock
    events: EventLog
    # The bytes of what people upload.
    files: FileContents
    # What this process counts for /metrics, and the file in which other processes find it.
    tally: Tally
    recorder: Recorder

    def close(self) -> None:
        self.recorder.close()
        self.broker.close()
        self.database.close()
        self.clock.close()


def build_core(settings: Settings, *, is_for_jobs: bool = False) -> Core:
    broker = Broker(settings)
    tally = Tally()
    clock = open_group_clock(settings.data_path)
    connections = settings.database_connections
    # A job's outbox says what is to be done until the result is stored.
    database = Database(settings.sqlalchemy_url, connections, is_derived=is_for_jobs)
    return Core(
        settings=settings,
        database=database,
        broker=broker,
        clock=clock,
        events=EventLog(broker, database, clock, settings.stream_length, settings.max_stream_bytes),
        files=FileContents(settings.data_path, is_for_group=settings.files_by_nginx),
        tally=tally,
        recorder=Recorder(settings.metrics_path, tally),
    )
