"""Write polylab/lab/static/facts.js: what the page knows of the problems of the lab.

Needed when a problem of the lab changes; tests/test_learning_rate_lab.py compares the file.
"""

import json
from pathlib import Path

from polylab.lab.problems import facts

PAGE = Path(__file__).parent.parent / "polylab" / "lab" / "static" / "facts.js"


def script(told):
    """Return a module that exports the facts as FACTS, with a line for each list of numbers."""
    lines = ["/** Facts about the problems of the lab, written by tools/write_facts.py. */",
             "export const FACTS = {"]
    lines += [f"    {name}: {json.dumps(told[name])}," for name in ("points", "common", "targets")]
    lines += ["    bases: {"]
    for basis, known in told["bases"].items():
        lines += [f"        {basis}: {{",
                  *(f"            {name}: {json.dumps(value)}," for name, value in known.items()),
                  "        },"]
    return "\n".join([*lines, "    },", "};", ""])


if __name__ == "__main__":
    PAGE.write_text(script(facts()), encoding="utf-8")
