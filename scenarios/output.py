"""Results on disk, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from sim.errors import InputError


class Target:
    """The folder of a result: found writable before the work begins, written whole at its end."""

    def __init__(self, directory: Path, *names: str) -> None:
        """names: files and folders that the command writes there, so that an earlier result of it may be replaced.

        Raises InputError where the folder holds something else, or cannot be written.
        """
        self.directory, self._names = Path(directory), names
        _check(self.directory, names)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write `files` (see write_whole), all of them under the names given before."""
        unnamed = _tops(files) - set(self._names)
        if unnamed:
            raise RuntimeError(f"{sorted(unnamed)[0]!r} was not named when the folder {self.directory} was checked")
        _write(self.directory, files, self._names)


def write_whole(directory: Path, files: Mapping[str, str | bytes]) -> None:
    """Write `files` (relative name -> text or bytes) as the folder `directory`, atomically.

    They are written into a sibling folder first and moved into place by rename. A folder that is already there is
    replaced when it is empty or when every entry in it is among the files to be written (an earlier result).

    Raises InputError when the folder holds something else, or cannot be written.
    """
    _write(Path(directory), files, _tops(files))


def _write(target: Path, files: Mapping[str, str | bytes], names: Collection[str]) -> None:
    _check(target, names)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as problem:
        raise _unwritable(target, problem) from problem
    try:
        for name, content in files.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")
        staging.chmod(0o755)
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent)) if target.exists() else None
        if old is not None:
            os.replace(target, old / "old")
        os.replace(staging, target)
        if old is not None:
            shutil.rmtree(old)
    except OSError as problem:
        raise _unwritable(target, problem) from problem
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _tops(files: Mapping[str, str | bytes]) -> set[str]:
    return {Path(name).parts[0] for name in files}


def _check(target: Path, names: Collection[str]) -> None:
    """Raise InputError where `target` holds anything but `names`, or no folder can be made in its place."""
    try:
        if target.exists():
            if not target.is_dir():
                raise InputError(f"{target}: is a file; give the name of a folder, new or holding an earlier result")
            foreign = sorted(p.name for p in target.iterdir() if p.name not in names)
            if foreign:
                raise InputError(
                    f"{target}: already holds {foreign[0]!r}, which is no earlier result of this command; "
                    "give a new or empty folder"
                )
            if target.resolve() == Path.cwd():
                raise InputError(f"{target}: is the folder that you are in; give the name of another one")
        above = target.absolute().parent
        while not above.exists():
            above = above.parent
        os.rmdir(tempfile.mkdtemp(prefix=f".{target.name}-", dir=above))
    except OSError as problem:
        raise _unwritable(target, problem) from problem


def _unwritable(target: Path, problem: OSError) -> InputError:
    return InputError(f"{target}: cannot be written ({problem.strerror})")
