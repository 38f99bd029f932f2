"""Results on disk, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sim.errors import InputError


def write_whole(directory: Path, files: Mapping[str, str | bytes]) -> None:
    """Write `files` (relative name -> text or bytes) as the folder `directory`, atomically.

    They are written into a sibling folder first and moved into place by rename. A folder that is already there is
    replaced when it is empty or when every entry in it is among the files to be written (an earlier result).

    Raises InputError when the folder holds something else, or cannot be written.
    """
    target = Path(directory)
    names = {Path(name).parts[0] for name in files}
    if target.exists():
        if not target.is_dir():
            raise InputError(f"{target}: is a file; give the name of a folder, new or holding an earlier result")
        foreign = sorted(p.name for p in target.iterdir() if p.name not in names)
        if foreign:
            raise InputError(
                f"{target}: already holds {foreign[0]!r}, which is no earlier result of this command; "
                "give a new or empty folder"
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as problem:
        raise InputError(f"{target}: cannot be written ({problem.strerror})") from problem
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
        raise InputError(f"{target}: cannot be written ({problem.strerror})") from problem
    finally:
        shutil.rmtree(staging, ignore_errors=True)
