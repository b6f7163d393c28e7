"""Sums up lines covered for each room of Sources/: rooms_covered.py LCOV_FILE SOURCES_FOLDER. Fails on nothing."""

import collections
import pathlib
import sys


def main():
    sources = pathlib.Path(sys.argv[2])
    found, hit, room = collections.Counter(), collections.Counter(), None
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        tag, _, value = line.partition(":")
        if tag == "SF":
            room = pathlib.Path(value).relative_to(sources).parts[0]
        elif tag == "LF":
            found[room] += int(value)
        elif tag == "LH":
            hit[room] += int(value)
    if not sum(hit.values()):
        sys.exit("rooms_covered.py: no line was covered")
    for name in sorted(found):
        print(f"{name:<20} {hit[name]:>6} of {found[name]:>6} lines  {hit[name] / max(1, found[name]):>4.0%}")
    print(f"{'all':<20} {sum(hit.values()):>6} of {sum(found.values()):>6} lines  "
          f"{sum(hit.values()) / sum(found.values()):>4.0%}")


main()
