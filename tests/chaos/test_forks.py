"""Forks, and children of pools, which leave in ways of their own: what they finished is delivered."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.chaos.ending_processes import PATIENT, PRELUDE, finish
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.chaos.ending_processes import World
    from tests.support.otlp.endpoint import Endpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise SystemExit(0)"])
def test_prefork(world: World, collector: Endpoint, end: str) -> None:
    """As gunicorn does it: the master loads the application, forks, and each child ends by sys.exit."""
    world.run(
        f"""
        work("master")
        children = []
        for n in range(4):
            pid = os.fork()
            if pid == 0:
                for _ in range(20):
                    work(f"child{{n}}")
                {end}
            children.append(pid)
        work("master")
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        """
    )
    world.assert_all_stored(82)
    assert collector.names() == world.finished()
    runners = {span["name"]: span["runner"] for run in world.runs() for span in run.spans.values()}
    assert len(set(runners.values())) == 5, "each process is a runner of its own"
    resources = {resource["spantail.runner"] for resource in collector.resources()}
    assert resources == set(runners.values())


def test_a_fork_while_other_threads_make_spans(world: World) -> None:
    world.run(
        """
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                work("busy")
                time.sleep(0.005)
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                work("child")
                spantail.configure().shutdown()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        """
    )
    assert world.finished()["child"] == 10
    world.assert_all_stored()


CHILDREN = """
def task(n):
    work("task")
    return os.getpid()

def lingering(n):
    threading.Thread(target=lambda: [threading.main_thread().join(), work("task")]).start()

def failing(n):
    work("task")
    sys.exit(9)
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(world: World, collector: Endpoint, method: str) -> None:
    out = world.run(
        CHILDREN
        + textwrap.dedent(f"""
            import multiprocessing
            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                status = []
                for target in (task, lingering, failing):
                    child = context.Process(target=target, args=(0,))
                    child.start()
                    child.join()
                    status.append(child.exitcode)
                print(status)
            """)
    )
    assert out.strip() == "[0, 0, 9]"
    world.assert_all_stored(3)
    assert collector.names() == {"task": 3}


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_that_are_replaced_after_each_task(world: World, collector: Endpoint, method: str) -> None:
    """Ten tasks in, ten spans out, in Redis and over OTLP, where a batch would wait for 5 s."""
    world.run(
        CHILDREN
        + textwrap.dedent(f"""
            import multiprocessing
            if __name__ == "__main__":
                with multiprocessing.get_context("{method}").Pool(2, maxtasksperchild=1) as pool:
                    assert len(set(pool.map(task, range(10), chunksize=1))) == 10
                    pool.close()
                    pool.join()
            """)
    )
    world.assert_all_stored(10)
    assert collector.names() == {"task": 10}


def test_celery_children_that_are_replaced_after_each_task(world: World, collector: Endpoint) -> None:
    """They leave by `os._exit` from within, and their parent hastens them with SIGTERM.

    The broker is Redis. With brokers that have no event loop, such as the file system, Celery's children share one pipe
    and its lock; a child that is ended while it holds the lock makes the worker wait for ever, also without Spantail.
    """
    worker = world.start("""
        import warnings
        warnings.simplefilter("default")  # Celery warns of running as root
        from celery import Celery

        app = Celery("life", broker=os.environ["SPANTAIL_REDIS_URL"].replace("unix:", "redis+socket:"))
        app.conf.update(
            broker_transport_options={"global_keyprefix": "broker:"},
            task_ignore_result=True, worker_enable_remote_control=False,
        )

        @app.task
        def task():
            work("task")

        if __name__ == "__main__":
            for _ in range(12):
                task.delay()
            app.worker_main(["worker", "--pool=prefork", "--concurrency=2", "--max-tasks-per-child=1",
                             "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"])
        """, prelude=PRELUDE + PATIENT)  # fmt: skip
    with worker:
        try:
            eventually(lambda: worker.poll() is not None or world.finished().total() == 12, 60)
        finally:
            worker.terminate()
            _, err = finish(worker)
    assert worker.returncode == 0, err
    world.assert_all_stored(12)
    assert collector.names() == {"task": 12}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_that_is_terminated(world: World, collector: Endpoint, method: str) -> None:
    """`with Pool()` ends its workers by SIGTERM."""
    world.run(
        PATIENT
        + CHILDREN
        + textwrap.dedent(f"""
            import multiprocessing
            if __name__ == "__main__":
                with multiprocessing.get_context("{method}").Pool(2) as pool:
                    pool.map(task, range(10), chunksize=1)
            """)
    )
    world.assert_all_stored(10)
    assert collector.names() == {"task": 10}


def test_a_process_pool_executor(world: World, collector: Endpoint) -> None:
    world.run(
        CHILDREN
        + textwrap.dedent("""
            from concurrent.futures import ProcessPoolExecutor
            if __name__ == "__main__":
                with ProcessPoolExecutor(2) as pool:
                    list(pool.map(task, range(10)))
            """)
    )
    world.assert_all_stored(10)
    assert collector.names() == {"task": 10}


def test_a_child_that_unwinds_its_parent_s_operation_is_corrected(world: World) -> None:
    world.run(
        """
        with spantail.operation("outer"):
            pid = os.fork()
            if pid == 0:
                work("inner")
                sys.exit(0)
            os.waitpid(pid, 0)
            with spantail.operation("after"):
                pass
        """
    )
    (run,) = world.runs()
    outer = next(span for span in run.spans.values() if span["name"] == "outer")
    after = next(span for span in run.spans.values() if span["name"] == "after")
    inner = next(span for span in run.spans.values() if span["name"] == "inner")
    assert inner["parent_id"] == outer["span_id"]
    assert inner["runner"] != outer["runner"] == after["runner"]
    assert outer["end"] >= after["end"], "the parent's own end outranks the one by the child"
    assert run.meta["open"] == "0"


EXECUTOR = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

executor = None

def task(n):
    global executor
    if executor is None:
        if os.environ["METHOD"] == "spawn":  # such a child runs exit hooks, unless it is configured late
            handle.shutdown()
            spantail.configure("life")
        executor = ThreadPoolExecutor(2)  # its workers stay, idle
    executor.submit(work, "task").result()

def give_up():
    for child in multiprocessing.active_children():
        child.kill()
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize(
    "use",
    [
        "child = context.Process(target=task, args=(0,)); child.start(); child.join(); assert child.exitcode == 0",
        "pool = context.Pool(2); pool.map(task, range(4)); pool.close(); pool.join()",
        "with ProcessPoolExecutor(2, mp_context=context) as pool: list(pool.map(task, range(4)))",
    ],
    ids=["Process", "Pool", "ProcessPoolExecutor"],
)
def test_a_child_whose_executor_is_idle_ends(world: World, collector: Endpoint, method: str, use: str) -> None:
    world.run(
        EXECUTOR
        + textwrap.dedent(f"""
            if __name__ == "__main__":
                watchdog = threading.Timer(15, give_up)
                watchdog.daemon = True
                watchdog.start()
                context = multiprocessing.get_context("{method}")
                {use}
                assert watchdog.is_alive(), "the children had to be killed"
            """),
        METHOD=method,
    )
    world.assert_all_stored(1 if "Process(" in use else 4)
    assert collector.names() == world.finished()


def test_a_fork_during_an_export(world: World) -> None:
    """A stock processor exports on a thread that the child does not have, and which holds the exporter's lock."""
    world.run(
        """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from spantail.redaction import Redactor
        from spantail_exporters.livetail import RedisLivetailExporter

        parent, entered, leave = os.getpid(), threading.Event(), threading.Event()

        def slow(key, value):
            if os.getpid() == parent:
                entered.set()
                leave.wait(20)
            return value

        exporter = RedisLivetailExporter(redactor=Redactor(transform=slow))
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=10))
        tracer = provider.get_tracer("test")

        def one(name):
            tracer.start_span(name, attributes={"key": "value"}).end()

        one("parent")
        assert entered.wait(20)
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            one("child")
            assert provider.force_flush()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        leave.set()
        provider.shutdown()
        """
    )
    assert world.stored() == {"parent": 1, "child": 1}
