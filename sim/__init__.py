"""The model: members, programme, behaviour, market; engine, outcome, measures. Imports no other layer."""
