"""Answer ``python -m polylab``: print what is installed and what is missing."""

import sys

from polylab.environment import report

if __name__ == "__main__":
    found = report(device=True)
    print(found.details)
    sys.exit(not found.ok)
