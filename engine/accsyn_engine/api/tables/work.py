"""Jobs, tasks and queues."""

from __future__ import annotations

from typing import Any

from accsyn_engine.api import calls
from accsyn_engine.api.calls import Call, UseCase
from accsyn_engine.api.errors import BadFieldError
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.jobs.delivery_states import DELIVERY, KINDS, REQUEST
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import NotAllowedNowError
from accsyn_engine.services.work import deliveries, job_lists, jobs, queues, recipients, tasks
from accsyn_engine.services.work.delivery_lists import find as deliveries_of


def rows() -> Rows:
    """Every event of this family."""
    yield from _jobs()
    yield from _deliveries()
    yield from _queues()


def _jobs() -> Rows:
    yield "GET", "job/find", Row("job.find", _find_jobs, kind="job")
    yield "GET", "transfer/find", Row("job.find", calls.find(job_lists.find), kind="job")
    yield "POST", "job/create", Row("job.create", _create_job, kind="job")
    yield "POST", "transfer/create", Row("job.create", calls.create_job(jobs.create), kind="job")
    yield "PUT", "job/edit", Row("job.update", _edit_any, kind="job")
    yield "PUT", "transfer/edit", Row("job.update", calls.update(jobs.update), kind="job")
    for operation in ("delete", "offline"):
        yield "DELETE", f"job/{operation}", Row("job.delete", _delete_any, Shape.DONE, "job")
        yield "DELETE", f"transfer/{operation}", Row("job.delete", calls.by_id(jobs.delete), Shape.DONE, "job")
    yield "GET", "task/find", Row("task.find", calls.find(tasks.find))
    yield "POST", "task/create", Row("task.create", _create_tasks)
    yield "PUT", "task/edit", Row("task.update", calls.update_tasks)


def _deliveries() -> Rows:
    for kind in KINDS:
        yield "GET", f"{kind}/find", Row("delivery.find", calls.find(deliveries_of, kind))
        yield "POST", f"{kind}/create", Row("delivery.create", _create_delivery(kind))
        yield "PUT", f"{kind}/edit", Row("delivery.update", calls.update(deliveries.update))
        for operation in ("delete", "offline"):
            yield "DELETE", f"{kind}/{operation}", Row("delivery.delete", calls.by_id(deliveries.delete), Shape.DONE)
    yield "GET", "job/recipients", Row("recipient.find", calls.by_id(recipients.find), kind="recipient")
    yield "PUT", "job/recipient/add", Row("recipient.add", _with_data(recipients.add), Shape.VALUE)
    yield "DELETE", "job/recipient", Row("recipient.remove", _with_data(recipients.remove), Shape.DONE)


def _create_delivery(kind: str) -> UseCase:
    return lambda call: deliveries.create(call.context, call.caller, kind, calls.new_entity(call, "job"))


def _with_data(use_case: UseCase) -> UseCase:
    return lambda call: use_case(call.context, call.caller, call.id, call.data)


# Until 3.1 everything of the job family was a job of a type; of these there are none here.
TYPES: dict[int, str] = {1: "transfer", 2: "queue", DELIVERY: "delivery", REQUEST: "request"}
NOT_OFFERED: dict[int, str] = {3: "compute", 10: "stream"}


def _type(call: Call) -> str:
    value = call.data.get("type", 1)
    if isinstance(value, int) and value in NOT_OFFERED:
        raise NotAllowedNowError(what=f"Jobs of type {value} ({NOT_OFFERED[value]}) are not offered here.")
    if isinstance(value, bool) or value not in TYPES:
        raise BadFieldError(field="type", kind=", ".join(f"{number} ({name})" for number, name in TYPES.items()))
    return TYPES[value]


def _find_jobs(call: Call) -> Any:
    if call.envelope.id and "type" not in call.data:
        finders = {"queue": calls.find(queues.find), "delivery": calls.find(deliveries_of, None)}
        return finders.get(_family(call), calls.find(job_lists.find))(call)
    word = _type(call)
    if word in KINDS:
        return calls.find(deliveries_of, word)(call)
    return calls.find(queues.find if word == "queue" else job_lists.find)(call)


def _create_job(call: Call) -> Any:
    word = _type(call)
    if word in KINDS:
        return _create_delivery(word)(call)
    return calls.create(queues.create)(call) if word == "queue" else calls.create_job(jobs.create)(call)


def _family(call: Call) -> str:
    """What an id belongs to that is called a job: a queue, a delivery or request, else a transfer."""
    find = Find(id=call.id_or_query)
    if queues.find(call.context, call.caller, find):
        return "queue"
    return "delivery" if deliveries_of(call.context, call.caller, None, find) else "transfer"


def _edit_any(call: Call) -> Any:
    use_cases = {"queue": queues.update, "delivery": deliveries.update}
    return calls.update(use_cases.get(_family(call), jobs.update))(call)


def _delete_any(call: Call) -> Any:
    use_cases = {"queue": queues.delete, "delivery": deliveries.delete}
    return calls.by_id(use_cases.get(_family(call), jobs.delete))(call)


def _create_tasks(call: Call) -> Any:
    if _family(call) == "delivery":
        entries = call.envelope.data
        data = {"tasks": entries} if isinstance(entries, list) or "tasks" not in call.data else call.data
        return deliveries.add_tasks(call.context, call.caller, call.id_or_query, data)
    return calls.create_tasks(call)


def _queues() -> Rows:
    yield "GET", "queue/find", Row("queue.find", calls.find(queues.find))
    yield "POST", "queue/create", Row("queue.create", calls.create(queues.create))
    yield "PUT", "queue/edit", Row("queue.update", calls.update(queues.update))
    yield "DELETE", "queue/delete", Row("queue.delete", calls.by_id(queues.delete), Shape.DONE)
