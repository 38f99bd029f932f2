"""Names and the numbers by which rules know them are two lists in one order: a name put elsewhere would swap what is counted."""

from __future__ import annotations

import pytest

from sim import state, tables, tally
from sim.measures import LINE_TITLES


@pytest.mark.parametrize(
    ("module", "names"),
    [(tally, tally.NAMES), (tables, tables.EVENTS), (tables, tables.REWARD_KINDS)],
    ids=["tallies", "events", "rewards"],
)
def test_each_constant_is_the_place_of_its_name(module, names):
    assert [getattr(module, name.upper()) for name in names] == list(range(len(names)))


def test_tables_and_chunks_are_laid_out_as_their_fields_stand():
    assert tuple(tables.LAYOUT) == tables.Tables._fields
    assert tuple(state.LAYOUT) == state.Chunk._fields


def test_every_cost_line_is_a_tally_with_a_title():
    assert set(tally.COST_LINES) <= set(tally.NAMES)
    assert tuple(LINE_TITLES) == tally.COST_LINES
