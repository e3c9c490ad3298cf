"""Which file system a path is on, from the kernel's table of mounts.

See ``proc_pid_mountinfo(5)``: field 5 of a line is the mount point, the first field after ``-`` the type.
"""

from __future__ import annotations

import re

__all__ = ["type_at"]


def type_at(mounts: str, path: str) -> str | None:
    """Type of the file system that holds a path, as Linux names it.

    Args:
        mounts: content of ``/proc/self/mountinfo``.
        path: absolute, free of links.

    Returns:
        The type; None if no mount point is above the path.
    """
    found: tuple[int, str] | None = None
    for line in filter(None, mounts.split("\n")):
        before, _, after = line.partition(" - ")
        # Space, tab, line end and backslash are written as octal numbers.
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), before.split(" ")[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # A later line with the same mount point lies on top of the earlier one.
        if inside and (found is None or len(point) >= found[0]):
            found = len(point), after.split(" ")[0]
    return None if found is None else found[1]
