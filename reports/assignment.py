"""The record of an allocation as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.effect_words import p_text
from experiments.plan_document import AssignmentDocument
from reports.page import render


def assignment_files(table: Mapping[str, bytes], record: AssignmentDocument) -> dict[str, str | bytes]:
    """What the assign step writes, by name: the allocation (`table`), assignment.json and assignment.html."""
    return {
        **table,
        "assignment.json": record.to_json(),
        "assignment.html": assignment_page(record, next(iter(table))),
    }


def assignment_page(record: AssignmentDocument, file: str) -> str:
    """The page: who was allocated how, and how to recompute it. file: name of the allocation beside it."""
    return render(
        "assignment.html",
        title=f"Allocation of {record.experiment}",
        provenance={
            "members": record.source,
            "plan": record.plan_digest,
            "salt": record.salt,
            **({"thousands and decimals": "; ".join(record.written)} if record.written else {}),
            "digest": record.sealed().digest,
        },
        record=record,
        p=p_text(record.sample_ratio_p),
        file=file,
        clusters=record.members != record.units,
        dealt=record.method.startswith("ranked"),
    )
