"""Names where a replica allocates."""

import json
import os
import subprocess
from collections import Counter


def symbolicate(stacks, pid, binary):
    """Names the lines of our own sources on each stack, innermost first, and counts equal ones."""
    binary = os.path.realpath(binary)
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        mapped = [fields[0].split("-") for fields in map(str.split, maps) if len(fields) > 5 and fields[5] == binary]
    base, end = int(mapped[0][0], 16), int(mapped[-1][1], 16)
    # Return addresses point behind the call.
    addresses = sorted({frame - base - 1 for _, frames in stacks for frame in frames if base <= frame < end})
    result = subprocess.run(
        ["llvm-symbolizer", "--obj", binary, "--output-style=JSON", "--inlines"],
        input="\n".join(hex(address) for address in addresses), capture_output=True, text=True, check=True,
    )
    names = {}
    for address, line in zip(addresses, result.stdout.splitlines(), strict=True):
        names[address] = [
            f"{os.path.basename(symbol['FileName'])}:{symbol['Line']}"
            for symbol in json.loads(line)["Symbol"]
            # Line 0 is code that the compiler made, as for a generic type.
            if symbol["Line"] > 0 and "/Sources/" in symbol["FileName"]
        ]
    counted = Counter()
    for _, frames in stacks:
        path = []
        for frame in frames:
            path += names.get(frame - base - 1, [])
        counted[tuple(path[:4])] += 1
    return counted.most_common()
