"""Files for metrics whose room is taken when they are made.

prometheus_client maps files with holes into memory. To write to a hole when the disk is full ends the process. On a
file system that writes nothing in place, such as btrfs, any write may be one to a hole.
"""

from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import MmapedDict

_FIRST_BYTES = 64 * 1024
# What an entry takes beside its key, at most.
_REST_OF_ENTRY = 64


class AllocatedFile(MmapedDict):
    """A file of metrics without holes; raises OSError if there is no room for it."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        path = Path(filename)
        if not read_mode and not path.exists():
            # Whoever reads all files of metrics must never find one that is empty.
            part = path.with_suffix(".part")
            _allocate(part, _FIRST_BYTES)
            part.rename(path)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: Any) -> None:
        """Make room for a value before it is written."""
        if self._capacity - self._used < len(key.encode()) + _REST_OF_ENTRY:
            _allocate(Path(self._fname), 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _allocate(path: Path, size: int) -> None:
    with path.open("ab") as file:
        file.write(bytes(max(0, size - file.tell())))
