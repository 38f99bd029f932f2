"""A forecast made on a programme's own past and scored on what followed: `backtest` is the whole of it."""

from scenarios.finance.backtest.activity import Columns
from scenarios.finance.backtest.whole import Backtest, backtest

__all__ = ["Backtest", "Columns", "backtest"]
