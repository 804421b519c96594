"""The other end of a transfer as a process of its own, to be killed: `python -m ... ROLE FOLDER PORT`, ticket on stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from accsyn_engine.transfer.meeting.channel import Ticket
from accsyn_engine.transfer.meeting.connecting import connect
from accsyn_engine.transfer.meeting.identity import Identity
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.sending.sender import send
from accsyn_engine.transfer.work import Control, Item
from tests.engine.transfer.ends import CLOCK, JOB, LOCAL


def main() -> None:
    role, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    facts = json.load(sys.stdin)
    ticket = Ticket(facts["transfer"], Identity(**facts["identity"]), facts["peer"], LOCAL, 2)
    connection = connect(ticket, LOCAL, port, deadline_s=10, clock=CLOCK)
    if role == "sender":
        send(connection, [Item(1, folder, "")], Control(60_000_000), job=JOB, clock=CLOCK)
    else:
        receive(connection, lambda task: Item(task, folder, "copy"), Control(), job=JOB, clock=CLOCK)


if __name__ == "__main__":
    main()
