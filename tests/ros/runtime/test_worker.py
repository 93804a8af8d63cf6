"""The thread that computes: order, fairness, refusals, and that nothing ends it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from region_perception.errors import InvalidRegion
from ros_nodes.messages.refusals import Code, Refusal
from ros_nodes.runtime.worker import IN_A_ROW, Worker

PATIENCE = 30.0


class Bench:
    """A worker, and what it did."""

    def __init__(self, most: int = 8) -> None:
        self.done: list[str] = []
        self.failed: list[BaseException] = []
        self.gate = threading.Event()
        self.running = threading.Event()
        self.worker = Worker(lambda: self.done.append("frames"), most=most, failed=self.failed.append)

    def job(self, name: str) -> Callable[[], str]:
        def run() -> str:
            self.done.append(name)
            return name

        return run

    def busy(self) -> Future[str]:
        """The worker runs a job until `gate` is set."""

        def run() -> str:
            self.running.set()
            assert self.gate.wait(PATIENCE)
            return "first"

        future = self.worker.submit(run)
        assert self.running.wait(PATIENCE)
        return future


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.gate.set()
    assert bench.worker.stop()


def test_jobs_run_one_by_one_in_order(bench: Bench):
    first = bench.busy()
    futures = [bench.worker.submit(bench.job(str(i))) for i in range(3)]
    assert bench.worker.waiting == 3
    bench.gate.set()
    assert first.result(PATIENCE) == "first"
    assert [future.result(PATIENCE) for future in futures] == ["0", "1", "2"]
    assert bench.worker.waiting == 0


def test_frames_run_once_for_any_number_of_wakes_and_after_those_who_ask(bench: Bench):
    bench.busy()
    for _ in range(5):
        bench.worker.wake()
    asked = bench.worker.submit(bench.job("asked"))
    bench.gate.set()
    asked.result(PATIENCE)
    bench.worker.ask(bench.job("last"))
    assert bench.done in (["asked", "frames", "last"], ["asked", "last"])
    bench.worker.ask(lambda: None)
    assert bench.done.count("frames") <= 1


def test_frames_are_not_starved():
    bench = Bench(most=2 * IN_A_ROW)
    bench.busy()
    bench.worker.wake()
    futures = [bench.worker.submit(bench.job("asked")) for _ in range(2 * IN_A_ROW)]
    bench.gate.set()
    for future in futures:
        future.result(PATIENCE)
    # The job that was running counts, too.
    assert bench.done.index("frames") == IN_A_ROW - 1
    assert bench.worker.stop()


def test_too_many_requests_are_refused():
    bench = Bench(most=2)
    bench.busy()
    futures = [bench.worker.submit(bench.job(str(i))) for i in range(2)]
    with pytest.raises(Refusal) as refused:
        bench.worker.submit(bench.job("one too many"))
    assert refused.value.code == Code.BUSY
    bench.gate.set()
    assert [future.result(PATIENCE) for future in futures] == ["0", "1"]
    assert bench.worker.stop()


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (Refusal(Code.STALE, "old"), Code.STALE, 0),
        (InvalidRegion("no area"), Code.INVALID_REGION, 0),
        (ZeroDivisionError("oh"), Code.INTERNAL_ERROR, 1),
        (SystemExit(3), Code.INTERNAL_ERROR, 1),
    ],
)
def test_what_a_job_raises_is_a_refusal_and_ends_nothing(bench: Bench, error: BaseException, code: Code, told: int):
    def run() -> None:
        raise error

    with pytest.raises(Refusal) as refused:
        bench.worker.ask(run)
    assert refused.value.code == code
    assert len(bench.failed) == told
    assert bench.worker.ask(bench.job("next")) == "next"


def test_what_frames_raise_is_told_and_ends_nothing():
    failed: list[BaseException] = []

    def frames() -> None:
        raise ValueError("bad frame")

    worker = Worker(frames, failed=failed.append)
    worker.wake()
    while not failed:
        worker.ask(lambda: None)
    assert worker.ask(lambda: 7) == 7
    assert worker.stop()


def test_who_waits_at_the_end_is_told(bench: Bench):
    first = bench.busy()
    waiting = bench.worker.submit(bench.job("never"))
    stopping = threading.Thread(target=bench.worker.stop)
    stopping.start()
    with pytest.raises(Refusal) as refused:
        waiting.result(PATIENCE)
    assert refused.value.code == Code.NOT_READY
    bench.gate.set()
    stopping.join(PATIENCE)
    assert first.result(PATIENCE) == "first"
    with pytest.raises(Refusal, match="stopping"):
        bench.worker.ask(bench.job("too late"))
    assert bench.done == []


def test_a_job_that_nobody_wants_any_more_is_left_out(bench: Bench):
    bench.busy()
    unwanted = bench.worker.submit(bench.job("unwanted"))
    assert unwanted.cancel()
    bench.gate.set()
    assert bench.worker.ask(bench.job("wanted")) == "wanted"
    assert bench.done == ["wanted"]


def test_stopping_does_not_wait_for_ever(bench: Bench):
    bench.busy()
    assert not bench.worker.stop(timeout=0.05)
