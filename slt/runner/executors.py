"""Executors: processes of this machine, and the workers of a Dask cluster.

A run takes any ``concurrent.futures.Executor``; these are the two that the command line opens.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from multiprocessing.connection import Connection
from typing import Any

from slt.errors import InputError, MissingExtraError
from slt.machine import cores

CONNECT_SECONDS = 30
FORGETTING_SECONDS = 0.05
ENDING_SECONDS = 10
THREAD_VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def processes(workers: int | None = None, threads: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """So many fresh processes of this machine, as many as it has processors without a number.

    Each computes with ``threads`` threads, its part of the processors without a number, unless the environment says how
    many. They end with this process, also when it is killed, and at once when the block is left by an exception.
    """
    count = cores() if workers is None else workers
    if count < 1:
        raise InputError(f"starting worker processes: {workers} were asked for; at least 1 is needed")
    # a fork of a process with threads (torch's, numba's) may stand still
    context = multiprocessing.get_context("spawn")
    # nothing is ever written: workers end when the writing end is closed, by us or by our death
    reader, writer = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(reader, threads or max(1, cores() // count))
    )
    try:
        yield executor
    except BaseException:
        running = list((executor._processes or {}).values())
        # first what was not begun is forgotten: the pool would set errors on what is cancelled
        executor.shutdown(wait=False, cancel_futures=True)
        time.sleep(FORGETTING_SECONDS)
        writer.close()
        for process in running:
            process.join(ENDING_SECONDS)
        raise
    else:
        executor.shutdown()
        writer.close()
    finally:
        reader.close()


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """The workers of the Dask cluster whose scheduler is at ``address``, such as ``tcp://10.0.0.1:8786``.

    A unit whose worker is lost is measured again by another one (``distributed.scheduler.allowed-failures`` times, 3 by
    default). The workers have one thread each, the same slt, and the experiments' folder at the same path. Raises
    MissingExtraError without the extra ``dask``, InputError if nobody answers, or for other workers.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise MissingExtraError(
            "measuring on a Dask cluster: distributed is not installed. Run `pip install slt[dask]`"
        ) from error
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(
            f"measuring on the Dask cluster at {address}: no scheduler answers ({error or type(error).__name__}); "
            "start one with `dask scheduler` and `dask worker ADDRESS`, or mend the address"
        ) from error
    with client:
        # workers that were started a moment ago take a moment to join
        with suppress(TimeoutError):
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        threads = client.nthreads()
        if not threads or max(threads.values()) > 1:
            raise InputError(
                f"measuring on the Dask cluster at {address}: it has "
                + ("no worker yet" if not threads else f"workers of {max(threads.values())} threads")
                + "; workers of one thread each are needed, as torch and the clock of a process serve only one well: "
                "`dask worker ADDRESS --nthreads 1 --nworkers N`"
            )
        # equal units of two runs are two pieces of work
        executor: Executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)


def is_lost(error: BaseException) -> bool:
    """Whether this is not of the unit's making: its process died, or somebody else cancelled it."""
    kinds: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError)
    distributed = sys.modules.get("distributed")
    return isinstance(error, kinds if distributed is None else (*kinds, distributed.scheduler.KilledWorker))


def executor_on(place: str | None, workers: int | None) -> AbstractContextManager[Executor | None]:
    """What ``--on`` and ``--workers`` ask for: ``dask://ADDRESS``, or so many processes of this machine; None for a
    single one, which is this process."""
    if place is None:
        return nullcontext() if workers == 1 else processes(workers)
    scheme, separator, address = place.partition("://")
    if scheme != "dask" or not separator or not address:
        raise InputError(
            f"--on {place}: dask://ADDRESS is known, the address being the scheduler's, such as "
            "dask://10.0.0.1:8786; without --on the processes of this machine measure. Any other "
            "concurrent.futures.Executor is given in Python: slt.runner.run(..., executor=...)"
        )
    if workers is not None:
        raise InputError(f"--on {place} --workers {workers}: the cluster says how many workers it has; leave one out")
    return dask(address if "://" in address else f"tcp://{address}")


def _begin(parent: Connection, threads: int) -> None:
    """In a new worker: its threads, its end with its parent, and interrupts left to the parent."""
    from threadpoolctl import threadpool_limits

    if not any(variable in os.environ for variable in THREAD_VARIABLES):
        threadpool_limits(threads)  # those of libraries that are loaded already
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    parent.poll(None)
    os._exit(1)
