"""Which folders a spool may lie in.

Records are masked, but they are an audit log: nobody else may read, change or plant them. And locks and fsync
must hold what they promise, which network file systems do not guarantee.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from otel_audit.errors import ConfigurationError
from otel_audit.spool.files import Files, explain

__all__ = ["own_folder", "spool_root"]

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH

_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.blobfuse", "fuse.blobfuse2",
        "fuse.ceph", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs",
        "fuse.mount-s3", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre",
        "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
    }
)  # fmt: skip
"""As ``/proc/self/mountinfo`` names them."""


def spool_root(files: Files, root: Path, *, force: bool) -> None:
    """Make the spool's folder and those above it where they are missing, and check it.

    Args:
        files: the file system.
        root: the folder that the configuration names.
        force: take it in spite of what :func:`own_folder` says and on a network file system.

    Raises:
        ConfigurationError: it is not safe; says what to do.
        SpoolError: it could not be made.
    """
    for folder in reversed((root, *root.parents)):
        with explain(f"make the folder {folder}"):
            if not _is_there(files, folder):
                files.make_folder(folder)
                files.fsync_folder(folder.parent)
    _check(files, root, force=force)
    kind = files.file_system(root)
    if kind in _NETWORK_FILE_SYSTEMS and not force:
        raise ConfigurationError(
            f"the spool {root} is on a network file system ({kind}), where locks and fsync are not reliable: "
            "choose a local folder"
        )


def own_folder(files: Files, folder: Path, *, force: bool) -> None:
    """Make a folder 0700 if it is missing, and check that it is a folder of ours that nobody else writes to.

    Raises:
        ConfigurationError: it is not; says what to do.
        SpoolError: it could not be made.
    """
    with explain(f"make the folder {folder}"):
        files.make_folder(folder)
        # Even if it was there: whoever made it may not have come as far as this.
        files.fsync_folder(folder.parent)
    _check(files, folder, force=force)


def _check(files: Files, folder: Path, *, force: bool) -> None:
    with explain(f"look at the folder {folder}"):
        status = files.status(folder)
    if not stat.S_ISDIR(status.st_mode):
        what = "a link" if stat.S_ISLNK(status.st_mode) else "not a folder"
        raise ConfigurationError(f"the spool's {folder} is {what}: name the folder itself")
    if force:
        return
    if status.st_uid != files.user():
        raise ConfigurationError(
            f"the spool's {folder} belongs to user {status.st_uid}, not to {files.user()}: "
            "choose a folder of this user, or one that is not there yet"
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigurationError(
            f"the spool's {folder} is writable by others (mode {stat.S_IMODE(status.st_mode):04o}): "
            "choose a folder inside it, or take the right away"
        )


def _is_there(files: Files, path: Path) -> bool:
    try:
        files.status(path)
    except FileNotFoundError:
        return False
    return True
