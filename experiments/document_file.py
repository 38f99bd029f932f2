"""A document from its file: its format and its digest checked, one written by hand spelled out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from experiments.complaints import complaints, shown
from experiments.documents import Document, Readout
from experiments.hand_made import spelled_out
from scenarios.digest import digest_of
from sim.errors import InputError

AnyDocument = TypeVar("AnyDocument", bound=Document)


def load_document(path: Path | str, model: type[AnyDocument]) -> AnyDocument:
    """The document in `path`, checked against its format and its digest.

    A file without digest is taken as hand-made. A hand-made read-out may be short: `rows` of (metric, effect,
    se, n), `population`, `window` ([first day, last day]) and, if wanted, `capping`, `estimator`, `control`,
    `covariance`.

    Raises InputError naming file, key, what was found and what is allowed.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{file}: cannot be read as text ({problem})") from None
    try:
        raw = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise InputError(f"{file}: is nested too deep to be a document") from None
    except json.JSONDecodeError as problem:
        raise InputError(f"{file}: line {problem.lineno}: is not JSON ({problem.msg})") from None
    except ValueError as problem:
        raise InputError(f"{file}: {problem}") from None
    if not isinstance(raw, dict):
        raise InputError(f"{file}: found {shown(raw)}; a document is a JSON object with keys")
    kind = raw.get("kind", model.kind_name)
    if kind != model.kind_name:
        raise InputError(f"{file}: kind: found {shown(kind)}; this step needs a {model.kind_name!r} document")
    if raw.get("digest") is not None and raw["digest"] != digest_of(raw):
        raise InputError(
            f"{file}: digest: the content does not match it, the file was changed after it was written; "
            "use the original, or remove the digest to have it treated as hand-made"
        )
    if model is Readout:
        raw = spelled_out(raw, file)
    try:
        return model.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise InputError(*complaints(error, str(file), model)) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{key}: the key is given twice in one object")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"found {name}; numbers must be finite")
