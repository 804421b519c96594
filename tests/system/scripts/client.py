# The tutorial's client side: the subcontractor's button that sends the result back.
#
# The tutorial's script, with these misprints mended and nothing else:
#   - the blank project_dir, share_name and the lost job body, restored from the text
#   - the destination's party is the own workspace instead of "acmefilme"
#   - "share=%s/%s" instead of a colon between share and path
#   - sources by os.path.join: a backslash in the source only works on Windows (the destination keeps its backslashes)
#   - accsyn_api is imported once
# mypy: ignore-errors
from __future__ import annotations
import os, sys, json
import accsyn_api


def publish(session, project_dir, share_name, user_email, files):
    tasks = {}
    n = 0
    for p in files:
        tasks[str(n)] = {
            "source": os.path.join(project_dir, *p.split("\\")),
            "destination": "geoscan:share=%s/%s" % (share_name, p),
        }
        n += 1
    return session.create("job", {"code": "proj002_DATASET_001_1203_publish", "tasks": tasks})


if __name__ == "__main__":
    user_email = sys.argv[2]
    files = [
        "FROM_VENDORS\\%s\\cleaned_set.dat" % user_email,  # An asset
        "FROM_VENDORS\\%s\\proj002_DATASET_001_1203.analyze" % user_email,  # The project file
        "FROM_VENDORS\\%s\\output\\proj002_DATASET_001_1203_exported.dat" % user_email,  # The output
    ]
    session = accsyn_api.Session(**json.loads(sys.argv[3])) if len(sys.argv) > 3 else accsyn_api.Session()
    job = publish(session, sys.argv[1], "proj002-outsourcing", user_email, files)
    print(json.dumps({"job": job["id"], "status": job["status"]}))
