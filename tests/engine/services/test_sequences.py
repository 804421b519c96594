"""A sequence in a task: its frames lie in one folder at both ends and keep their names."""

from __future__ import annotations

import pytest

from accsyn_engine.services.errors import BadValueError, PathRefusedError
from accsyn_engine.services.moving import agents
from accsyn_engine.services.work import jobs
from tests.engine.services.world import VENDOR_FOLDER, World

FRAMES = "a.%04d.exr[1-3]"
MINE = f"share=proj002-outsourcing/{VENDOR_FOLDER}"


@pytest.mark.parametrize(
    ("source", "destination", "lands"),
    [
        (f"E:\\shot\\{FRAMES}", f"{MINE}/", f"{VENDOR_FOLDER}"),
        (f"/shot/{FRAMES}", f"{MINE}/{FRAMES}", f"{VENDOR_FOLDER}"),
        (f"/shot/{FRAMES}", f"{MINE}/shot/a.####.exr", f"{VENDOR_FOLDER}/shot"),
    ],
)
def test_frames_of_a_vendor_land_below_a_folder(world: World, source: str, destination: str, lands: str) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    made = jobs.create(world.context, world.jennifer, {"tasks": [{"source": source, "destination": destination}]})
    transfer = world.met(workstation, alpha)
    [told] = agents.tasks(world.context, workstation.caller, transfer, workstation.id)["tasks"]
    assert told["source"] == {"root": {"local": True}, "path": source, "sequence": True}
    assert told["destination"] == {"root": {"volume": "production"}, "path": f"proj002/{lands}"}
    assert world.job(made)["name"] == FRAMES


@pytest.mark.parametrize(
    ("destination", "lands"),
    [
        ("jennifer@gda.com", "proj002/TO_VENDORS"),
        ("jennifer@gda.com:in/", "in"),
        (f"jennifer@gda.com:in/{FRAMES}", "in"),
    ],
)
def test_frames_of_the_studio_land_below_a_folder(world: World, destination: str, lands: str) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    world.send(tasks=[{"source": f"share=proj002-outsourcing/TO_VENDORS/{FRAMES}", "destination": destination}])
    transfer = world.met(workstation, alpha)
    [told] = agents.tasks(world.context, workstation.caller, transfer, workstation.id)["tasks"]
    assert told["source"]["sequence"] is True
    assert told["destination"] == {"root": {"download": True}, "path": lands}


def test_frames_are_not_given_another_name(world: World) -> None:
    world.share()
    world.workstation()
    task = {"source": f"/shot/{FRAMES}", "destination": f"{MINE}/b.exr"}
    with pytest.raises(BadValueError, match="keep their names"):
        jobs.create(world.context, world.jennifer, {"tasks": [task]})


def test_frames_need_the_right_to_write_in_the_folder_they_land_in(world: World) -> None:
    share = world.share()
    world.grant(share["id"], "shot_##", write=True)
    world.workstation()
    task = {"source": "/shots/shot_##", "destination": "share=proj002-outsourcing/shot_##"}
    with pytest.raises(PathRefusedError, match="no write access"):
        jobs.create(world.context, world.jennifer, {"tasks": [task]})
