"""Jobs, tasks and queues."""

from __future__ import annotations

from typing import Any

from accsyn_engine.api import calls
from accsyn_engine.api.calls import Call
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services.work import job_lists, jobs, queues, tasks


def rows() -> Rows:
    """Every event of this family."""
    yield from _jobs()
    yield from _queues()


def _jobs() -> Rows:
    for word in ("job", "transfer"):
        yield "GET", f"{word}/find", Row("job.find", _find_jobs, kind="job")
        yield "POST", f"{word}/create", Row("job.create", _create_job, kind="job")
        yield "PUT", f"{word}/edit", Row("job.update", calls.update(jobs.update), kind="job")
        for operation in ("delete", "offline"):
            yield "DELETE", f"{word}/{operation}", Row("job.delete", calls.by_id(jobs.delete), Shape.DONE, "job")
    yield "GET", "task/find", Row("task.find", calls.find(tasks.find))
    yield "POST", "task/create", Row("task.create", calls.create_tasks)
    yield "PUT", "task/edit", Row("task.update", calls.update_tasks)


OLD_QUEUE_TYPE = 2  # until 3.1 a queue was a job of this type


def _find_jobs(call: Call) -> Any:
    use_case = queues.find if call.data.get("type") == OLD_QUEUE_TYPE else job_lists.find
    return calls.find(use_case)(call)


def _create_job(call: Call) -> Any:
    if call.data.get("type") == OLD_QUEUE_TYPE:
        return calls.create(queues.create)(call)
    return calls.create_job(jobs.create)(call)


def _queues() -> Rows:
    yield "GET", "queue/find", Row("queue.find", calls.find(queues.find))
    yield "POST", "queue/create", Row("queue.create", calls.create(queues.create))
    yield "PUT", "queue/edit", Row("queue.update", calls.update(queues.update))
    yield "DELETE", "queue/delete", Row("queue.delete", calls.by_id(queues.delete), Shape.DONE)
