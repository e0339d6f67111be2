"""Keep child processes running: start, replace, restart and stop them.

One thread waits in one `select`: for the lifeline (its end means that the process that
started us is gone), for signals, and for what the children report. The children have a
lifeline to this process, so that they end too, however it ends. Those that run the chat's own
commands are forks of this process, which has loaded the jobs' libraries for all of them.
"""

import gc
import logging
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ngw2f.broker.unused_parts import leave_unused_out
from ngw2f.forks import Fork
from ngw2f.jobs.demand import demand_of
from ngw2f.server.systemd import Systemd
from ngw2f.settings import Settings

# How long a child may take to stop before it is killed.
STOP_SECONDS = 10.0
# The pause before a child that ended is started again; it doubles while they end early.
FIRST_PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 5.0
# A child that ran for this long, or reported that it is ready, did not fail at its start.
STABLE_SECONDS = 5.0
# A child with a pulse that was silent for this long hangs.
SILENT_SECONDS = 30.0
# How often to answer systemd's watchdog, at most.
WATCH_SECONDS = 1.0

# Reads the arguments of a command of ours, and returns what runs it.
Begin = Callable[[Sequence[str]], Callable[[], None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a child. In *argv*, `{lifeline}` and `{status}` stand for descriptors."""

    name: str
    argv: list[str]
    # Begins the command here, to run in a fork of this process. None: it is another program's.
    begin: Begin | None = None
    # Runs in the child before the program, for system calls that concern the caller.
    prepare: Callable[[], None] | None = None
    # Started first and stopped last: the others need it.
    is_foundation: bool = False
    # Reports again and again that it works.
    has_pulse: bool = False
    # Not started before another child reports this line.
    on_demand: bytes = b""


@dataclass(slots=True)
class Child:
    """A running process, its status pipe, and the child that it replaces."""

    spec: ChildSpec
    process: subprocess.Popen[bytes] | Fork
    status: int
    started_at: float = field(default_factory=time.monotonic)
    predecessor: "Child | None" = None
    was_ready: bool = False
    heard_at: float = 0.0
    is_leaving: bool = False


@dataclass(slots=True)
class Restart:
    """A child to be started again, and the child that it was to replace."""

    due: float
    spec: ChildSpec
    predecessor: Child | None


class Supervisor:
    def __init__(
        self,
        specs: Iterable[ChildSpec],
        lifeline: int | None = None,
        systemd: Systemd | None = None,
    ) -> None:
        self._specs = list(specs)
        self._systemd = systemd
        self._was_well = False
        self._lifeline = lifeline
        self._children: list[Child] = []
        self._restarts: list[Restart] = []
        self._pauses: dict[str, float] = {}
        self._leash, self._leash_end = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._is_stopping = False

    def run(self, prepare: Callable[[], None] = lambda: None) -> None:
        """Keep all children running until SIGTERM, SIGINT or the lifeline's end.

        Start the foundation, *prepare*, then start the others.
        """
        self._watch_signals()
        if self._lifeline is not None:
            self._selector.register(self._lifeline, selectors.EVENT_READ, self._stop_soon)
        try:
            for spec in self._specs:
                if spec.is_foundation:
                    self._start(spec)
            prepare()
            for spec in self._specs:
                # Preparing takes long enough to be told to stop meanwhile.
                if not (spec.is_foundation or spec.on_demand or self._is_stopping):
                    self._start(spec)
            while not self._is_stopping:
                self._wait()
                self._reap()
                self._start_due()
                self._tell_systemd()
        finally:
            if self._systemd:
                self._systemd.tell("STOPPING=1")
            self._stop_all()

    def _watch_signals(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        self._selector.register(reader, selectors.EVENT_READ, lambda: os.read(reader, 4096))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop_soon())

    def _tell_systemd(self) -> None:
        """Report READY once all children work, then answer the watchdog while they do."""
        if self._systemd and all(self._works(spec) for spec in self._specs):
            if not self._was_well:
                self._was_well = True
                self._systemd.tell("READY=1")
            self._systemd.ping()

    def _works(self, spec: ChildSpec) -> bool:
        """Say whether a child for *spec* works: it has neither crashed nor hung."""
        since = time.monotonic() - SILENT_SECONDS
        return any(
            child.spec is spec
            and not child.is_leaving
            and (not spec.has_pulse or (child.was_ready and child.heard_at > since))
            for child in self._children
        )

    def _stop_soon(self) -> None:
        self._is_stopping = True

    def _wait(self) -> None:
        """Sleep until an event or the next restart, and handle the events."""
        timeout = WATCH_SECONDS if self._systemd else None
        if self._restarts:
            due = max(0.0, min(restart.due for restart in self._restarts) - time.monotonic())
            timeout = due if timeout is None else min(due, timeout)
        for key, _ in self._selector.select(timeout):
            key.data()

    def _start(self, spec: ChildSpec, predecessor: Child | None = None) -> None:
        reader, writer = os.pipe()
        descriptors = {"lifeline": self._leash, "status": writer}
        argv = [part.format_map(descriptors) for part in spec.argv]
        process = _start_process(spec, argv, list(descriptors.values()))
        os.close(writer)
        child = Child(spec, process, reader, predecessor=predecessor)
        self._children.append(child)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._hear(child))

    def _hear(self, child: Child) -> None:
        """Act on a child's report: it is ready, wants to be replaced, or needs another."""
        told = os.read(child.status, 4096)
        if not told:
            self._selector.unregister(child.status)
            os.close(child.status)
            return
        child.heard_at = time.monotonic()
        if b"ready" in told:
            child.was_ready = True
            if child.predecessor:
                self._end(child.predecessor)
                child.predecessor = None
        if b"retire" in told:
            self._start(child.spec, predecessor=child)
        for spec in self._specs:
            if spec.on_demand and spec.on_demand in told and not self._is_known(spec):
                self._start(spec)

    def _is_known(self, spec: ChildSpec) -> bool:
        """Say whether a child for *spec* was started, and so is kept running."""
        known: list[Child | Restart] = [*self._children, *self._restarts]
        return any(each.spec is spec for each in known)

    def _end(self, child: Child) -> None:
        child.is_leaving = True
        if child.process.poll() is None:
            child.process.terminate()

    def _reap(self) -> None:
        for child in list(self._children):
            code = child.process.poll()
            if code is None:
                continue
            self._children.remove(child)
            if child.is_leaving:
                continue
            log.warning("%s (pid %d) ended with %d", child.spec.name, child.process.pid, code)
            successor = self._successor_of(child)
            if successor:
                successor.predecessor = None
            else:
                self._plan_restart(child)

    def _successor_of(self, child: Child) -> Child | Restart | None:
        """Return what already replaces *child*, if anything: then no other is needed."""
        candidates: list[Child | Restart] = [*self._children, *self._restarts]
        return next((each for each in candidates if each.predecessor is child), None)

    def _plan_restart(self, child: Child) -> None:
        name, lived = child.spec.name, time.monotonic() - child.started_at
        pause = FIRST_PAUSE_SECONDS
        if lived < STABLE_SECONDS and not child.was_ready:
            pause = min(self._pauses.get(name, FIRST_PAUSE_SECONDS / 2) * 2, MAX_PAUSE_SECONDS)
        self._pauses[name] = pause
        self._restarts.append(Restart(time.monotonic() + pause, child.spec, child.predecessor))

    def _start_due(self) -> None:
        now = time.monotonic()
        for restart in [restart for restart in self._restarts if restart.due <= now]:
            self._restarts.remove(restart)
            self._start(restart.spec, restart.predecessor)

    def _stop_all(self) -> None:
        others = [child for child in self._children if not child.spec.is_foundation]
        self._stop(others)
        self._stop([child for child in self._children if child.spec.is_foundation])

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            self._end(child)
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("%s (pid %d) does not stop", child.spec.name, child.process.pid)
                child.process.kill()
                child.process.wait()


def _start_process(
    spec: ChildSpec, argv: list[str], descriptors: list[int]
) -> subprocess.Popen[bytes] | Fork:
    """Start a child in a session of its own.

    Ctrl-C in a terminal, and honcho, signal a whole process group. RQ would count that and our own
    signal as two, and abandon its job at the second.
    """
    if spec.begin:
        return Fork(spec.begin(argv[1:]), argv, descriptors)
    return subprocess.Popen(
        argv,
        pass_fds=descriptors,
        preexec_fn=spec.prepare,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def load_jobs(settings: Settings) -> None:
    """Load what the workers need, once for all of them."""
    # Garbage collections take a seventh of the time, and find nothing.
    gc.disable()
    leave_unused_out()
    # Not before a foundation is started, whose start takes as long.
    from ngw2f.jobs.worker import warm_up

    warm_up(settings)
    # A garbage collection in a child would write to each object, and so copy its memory.
    gc.freeze()
    gc.enable()


def default_pools(render_workers: int) -> dict[str, int]:
    """Return the default number of workers for each list of queues."""
    return {"render": render_workers, "links": 1}


def worker_specs(
    pools: Mapping[str, int], begin: Begin, on_demand: Sequence[str] = ()
) -> list[ChildSpec]:
    """Return the RQ workers for each comma-separated list of queues, and the upkeep's scheduler.

    By default links have workers of their own: a job that waits for sites would delay messages.
    A list that is *on_demand* has none before one of the other workers finds work for it.
    """
    # What says most of a process comes first: a title may be cut.
    descriptors = ["--lifeline={lifeline}", "--status={status}"]
    starts = [f"--starts={queues}" for queues in on_demand]
    workers = [
        ChildSpec(
            f"RQ worker {number} ({queues})",
            ["ngw2f", "worker-process", f"--queues={queues}", *starts, *descriptors],
            begin,
            has_pulse=True,
            on_demand=demand_of(queues) if queues in on_demand else b"",
        )
        for queues, count in pools.items()
        for number in range(1, count + 1)
    ]
    cron = ["ngw2f", "cron", "--lifeline={lifeline}"]
    return [*workers, ChildSpec("upkeep's schedule", cron, begin)]
