"""Kill workers in the middle of a job, and report the result: python killed.py."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from examples.queues.sides import CelerySide, RQSide
from examples.queues.trial import Arrangement, Outcome, Trial
from examples.transcript.stage import Stage

AT_A_TIME = 5

ARRANGEMENTS = [
    Arrangement(CelerySide, "early", "all"),
    Arrangement(CelerySide, "late", "all"),
    Arrangement(CelerySide, "late", "child"),
    Arrangement(CelerySide, "again", "child"),
    Arrangement(CelerySide, "late", "nothing"),
    Arrangement(RQSide, "once", "all"),
    Arrangement(RQSide, "once", "worker"),
    Arrangement(RQSide, "once", "child"),
    Arrangement(RQSide, "retry", "all"),
]


def measure(arrangements: list[Arrangement]) -> list[Outcome]:
    """Run the trials, a few at a time, since they mostly wait."""
    with Stage(Path(__file__).parent) as stage, ThreadPoolExecutor(AT_A_TIME) as pool:
        port = stage.serve("sh valkey.sh 8001")
        urls = (f"redis://127.0.0.1:{port}/{number}" for number in range(len(arrangements)))
        trials = (Trial(stage, *each) for each in zip(urls, arrangements, strict=True))
        return list(pool.map(Trial.run, trials))


if __name__ == "__main__":
    logging.getLogger("rq").setLevel(logging.ERROR)
    print(f"{'job':15}{'killed':9}{'Redis keeps':12}{'begun':>6}{'done':>6}  is said to be")
    for (side, name, killed), outcome in zip(ARRANGEMENTS, measure(ARRANGEMENTS), strict=True):
        kept, begun, done, says = outcome
        job = f"{side.name} {name}"
        print(f"{job:15}{killed:9}{kept:12}{begun:6}{done:6}  {says}")
