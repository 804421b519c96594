# The tutorial's server side: a subcontractor is assigned, gets access, and is sent the dataset.
#
# The tutorial's script, with these misprints mended and nothing else:
#   - the blank definitions of p_dataset, p_taskref, p_work and the lost job body, restored from the text
#   - p_dataset is the dataset's folder, without the trailing blank of the text
#   - the share's and the job's names by "{0}".format instead of a mix of % and {0}
#   - "dest" is "destination"
#   - user_email is handed to the functions that need it, session is handed on instead of being another function's local
#   - sys is imported
# mypy: ignore-errors
from __future__ import annotations
import sys, json
import accsyn_api


def create_get_user(session, user_email):
    u = session.find_one("user WHERE code={0}".format(user_email))
    if u is None:
        u = session.create("user", {"code": user_email, "clearance": "user"})
    return u


def create_get_project_share(session, project):
    share_name = "{0}-outsourcing".format(project)
    share = session.find_one("share WHERE code={0}".format(share_name))
    if share is None:
        share = session.create("share", {"code": share_name, "parent": "production", "path": project})
    return share


def create_get_acl(session, u, share, path, write):
    acl = session.find_one(
        "acl WHERE (ident=user:{0} AND target=share:{1} AND path={2})".format(u["id"], share["id"], path)
    )
    if acl is None:
        acl = session.create(
            "acl",
            {
                "ident": "user:{0}".format(u["id"]),
                "target": "share:{0}".format(share["id"]),
                "path": path,
                "read": True,
                "write": write,
            },
        )
    return acl


def task_assigned(session, project, dataset, user_email):
    u = create_get_user(session, user_email)
    share = create_get_project_share(session, project)
    p_dataset = dataset
    p_taskref = "TO_VENDORS"
    p_work = "FROM_VENDORS/{0}".format(user_email)
    acl_source = create_get_acl(session, u, share, p_dataset, False)
    acl_ref = create_get_acl(session, u, share, p_taskref, False)
    acl_work = create_get_acl(session, u, share, p_work, True)
    job = session.create(
        "job",
        {
            "code": "{0}_{1}_outsource_{2}".format(project, dataset, user_email),
            "tasks": {
                "0": {
                    "source": "share={0}/{1}".format(share["code"], p_dataset),
                    "destination": "{0}:{1}/{2}".format(user_email, project, p_dataset),
                },
                "1": {
                    "source": "share={0}/{1}".format(share["code"], p_taskref),
                    "destination": "{0}:{1}/{2}".format(user_email, project, p_taskref),
                },
            },
        },
    )
    return {
        "user": u["id"],
        "share": share["id"],
        "acls": [acl_source["id"], acl_ref["id"], acl_work["id"]],
        "job": job["id"],
        "code": job["code"],
    }


if __name__ == "__main__":
    session = accsyn_api.Session(**json.loads(sys.argv[4])) if len(sys.argv) > 4 else accsyn_api.Session()
    print(json.dumps(task_assigned(session, sys.argv[1], sys.argv[2], sys.argv[3])))
