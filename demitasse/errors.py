"""Errors whose message is meant for the person at the keyboard.

The command line prints the message of a `DemitasseError` on one line and exits with 2: no traceback.
Anything else that escapes is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import errno

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_SUCH_PLACE = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})


class DemitasseError(Exception):
    """Something the person can mend. The message names the file, the record, the field and what to do."""


class ConfigError(DemitasseError):
    """A configuration key or value that cannot be used."""


class OtherRunError(ConfigError):
    """A folder holds what another run made, with other settings or of other data, and this one does not mix with it."""


class DataError(DemitasseError):
    """A data file, item or field that cannot be used."""


class DiskFullError(DemitasseError):
    """The disk takes no more: nobody's fault but to be said at once, for whatever is tried next will fail as well."""


def is_disk_full(error: BaseException) -> bool:
    """Whether the disk, or the share of it that one may use, was full."""
    return isinstance(error, DiskFullError) or (isinstance(error, OSError) and error.errno in _FULL)


def is_bad_place(error: OSError) -> bool:
    """Whether a path cannot be what it was named for: forbidden, read-only, too long, a file where a folder must be."""
    return bool(error.filename) and error.errno in _FORBIDDEN | _NO_SUCH_PLACE


class MediaError(DemitasseError):
    """A video or image that cannot be read; `reason` is a short phrase fit for counting."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[MediaError], tuple[str, str]]:  # crosses process borders whole
        return (MediaError, (self.path, self.reason))
