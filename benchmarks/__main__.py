"""Print the table: ``python -m benchmarks``, or ``python -m benchmarks descent`` for one group."""

import argparse
import importlib

GROUPS = ("descent", "browser", "course")
ROW = "{:<54} {:<26} {:>10} {:<23} {:>10} {:<3} {:>10} {:>9}"


def main():
    """Run the groups that were asked for, or all of them, and print a row as each is done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(GROUPS)
    parser.add_argument("groups", nargs="*", metavar="group", default=GROUPS,
                        help=f"one or more of {known}; all if left out")
    names = parser.parse_args().groups
    for name in names:
        if name not in GROUPS:
            parser.error(f"group must be one of {known}, got {name}")
    print(ROW.format("work", "usual way", "cost", "ours", "cost", "", "ratio", "differ by"))
    for name in names:
        for row in importlib.import_module(f"benchmarks.{name}").comparisons():
            difference = "" if row.difference is None else f"{row.difference:.0e}"
            print(ROW.format(row.work, row.usual, _short(row.usual_cost), row.ours,
                             _short(row.our_cost), row.unit, f"{_short(row.ratio)} ×", difference),
                  flush=True)


def _short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


if __name__ == "__main__":
    main()
