# Accsyn Hook example Python 2/3 script for post-processing a subcontractor upload
#
# The tutorial's script, with these misprints mended and nothing else:
#   - generic_print had lost its body ("try:", "eval(expr)", "except: pass"): a plain print function
#   - "import accsyn_api" is dropped: it is not used, and fails where the agent's Python has no such package
#   - the file is closed after it was read
# mypy: ignore-errors
from __future__ import annotations
import json, sys, os


def generic_print(s):
    print(s)


def publish(user=None, comment=None, filename=None):
    """Do something with data uploaded by user."""
    generic_print("User {0} published '{1}' ,comment: {2}".format(user, filename, comment))


if __name__ == "__main__":
    p_input = sys.argv[1]
    with open(p_input, "r") as f:
        data = json.load(f)
    generic_print("Publish hook incoming data from user %s: %s" % (data["user_hr"], json.dumps(data, indent=3)))
    # Find the output amongst files
    for p in [d["source"]["path_abs"] for d in data["tasks"].values()]:
        if p.lower().endswith("_exported.dat"):
            publish(user=data["source_hr"].split(":")[1], comment="Subcontractor publish", filename=p)
