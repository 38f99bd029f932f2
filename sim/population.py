"""Who the members are: the part of a scenario that `loyalsim calibrate` writes and the engine reads."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from sim.limits import MOST_MEMBERS
from sim.part import Part, Positive, Share
from sim.typing import Ints

WEEKS = 53
"""of a year, the last of a day or two"""


def week_of_year(start: dt.date, days: Ints) -> Ints:
    """Week of the year, 0 .. 52, of each day given as a number of days after `start`: (day of the year - 1) // 7."""
    date = np.datetime64(start, "D") + days.astype("timedelta64[D]")
    return np.asarray((date - date.astype("datetime64[Y]")).astype(np.int64) // 7)


class PurchaseRate(Part):
    """Purchases a day of an active member: Gamma(shape, mean / shape) over members (NBD; Ehrenberg 1959)."""

    mean: Annotated[float, Field(gt=0, le=100)]
    """mean purchases per member and day while active, at season factor 1"""
    shape: Positive
    """Gamma shape; small = very unequal members"""


class Leaving(Part):
    """Probability of lapsing after a purchase of the baseline stream (BG/NBD; Fader, Hardie, Lee 2005)."""

    probability: Share | None = None
    """the same probability for every member; instead of a and b"""
    a: Positive | None = None
    """first parameter of Beta(a, b) over members"""
    b: Positive | None = None
    """second parameter of Beta(a, b) over members"""
    return_rate: Annotated[float, Field(ge=0, le=100)] = 0.0
    """hazard with which a lapsed member comes back of their own accord, a day of an average season; 0 is BG/NBD"""

    def check(self) -> None:
        if (self.a is None) != (self.b is None):
            raise ValueError("give both a and b, or probability alone")
        if (self.a is None) == (self.probability is None):
            raise ValueError("give either probability, or a and b")


class Basket(Part):
    """List value of one purchase: lognormal within a member, medians lognormal over members."""

    median: Annotated[float, Field(gt=0, le=1e9)]
    """median list value of a purchase of the median member, in currency units"""
    sigma: Annotated[float, Field(ge=0, le=5)]
    """standard deviation of log value within a member"""
    sigma_between: Annotated[float, Field(ge=0, le=5)] = 0.0
    """standard deviation of log median between members"""
    rate_correlation: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """correlation between members of normal scores of purchase rate and basket"""


class Segment(Part):
    """A share of the members whose rate and basket differ by a factor; the factors need no average of 1."""

    name: str
    share: Share
    rate: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """multiplies the purchase rate"""
    basket: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """multiplies the basket median"""


MEANING = {
    "purchase_rate.mean": ("purchases a day", "mean purchase rate of an active member"),
    "purchase_rate.shape": ("", "how alike members' rates are: small is very unequal"),
    "leaving.a": ("", "first parameter of the beta distribution of leaving after a purchase"),
    "leaving.b": ("", "second parameter of the beta distribution of leaving after a purchase"),
    "leaving.return_rate": ("a day", "rate, in an average season, at which lapsed members return of their own accord"),
    "standing.came_over": ("days", "over which members there before the data had come, at a steady pace"),
    "basket.median": ("currency units", "median value of a purchase of the median member"),
    "basket.sigma": ("log units", "spread of a member's own purchases"),
    "basket.sigma_between": ("log units", "spread between members"),
}
"""Numbers of a population that calibration estimates: unit and meaning"""


class Posterior(Part):
    """What calibration does not know: natural logs of the named parameters are multivariate normal."""

    parameters: list[str]
    """dotted names of the population's parameters, such as purchase_rate.mean; all must be positive numbers"""
    covariance: list[list[float]]
    """covariance of the natural logs, one row a parameter, around the values that the population states"""

    def check(self) -> None:
        size = len(self.parameters)
        if len(set(self.parameters)) != size:
            raise ValueError("parameters are listed twice")
        if len(self.covariance) != size or any(len(row) != size for row in self.covariance):
            raise ValueError(f"covariance must have {size} rows of {size} numbers, one a parameter")
        matrix = np.array(self.covariance, dtype=float)
        if not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12):
            raise ValueError("covariance must be symmetric")
        if size and np.linalg.eigvalsh(matrix).min() < -1e-9 * max(1.0, float(np.abs(matrix).max())):
            raise ValueError("covariance must have no negative eigenvalue")


class Standing(Part):
    """Members at the start who were there before the data that tell of the population: of those who came at a steady pace over
    some time, who was still there. Who buys often and leaves easily had left first, so they are not as joiners are."""

    share: Share
    """of the members at the start"""
    since_days: Annotated[float, Field(ge=0)]
    """days before the start on which the data begin: all of them were customers then"""
    came_over: Annotated[float, Field(gt=0, le=1e6)]
    """days over which they had come by then"""


_OF = {"level": "of the whole run", "quarter": "of single quarters", "week": "of single weeks"}


class Spread(Part):
    """Standard deviations of the log of a factor that all members share; its mean is 1."""

    level: Annotated[float, Field(ge=0, le=1)] = 0.0
    """of the whole run"""
    quarter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """of single calendar quarters, apart from one another"""
    week: Annotated[float, Field(ge=0, le=1)] = 0.0
    """of single weeks (day of the year // 7), apart from one another"""


class Shocks(Part):
    """What befalls all members at once and no parameter tells: a part of luck, drawn anew for every replication, the same for
    every design."""

    purchases: Spread = Spread()
    """of the factor on every purchase rate"""
    baskets: Spread = Spread()
    """of the factor on every list value"""

    def stated(self) -> list[tuple[str, float]]:
        """(of what, standard deviation of logs) of every shock that there is."""
        series = (("purchase rates", self.purchases), ("list values", self.baskets))
        found = [(f"{what} {of}", getattr(spread, name)) for what, spread in series for name, of in _OF.items()]
        return [(what, spread) for what, spread in found if spread > 0]


class Population(Part):
    """The members before any programme: how often they buy, for how much, when they leave."""

    members: Annotated[int, Field(ge=1, le=MOST_MEMBERS)] = 20_000
    """members at the start of a run; --members overrides it"""
    purchase_rate: PurchaseRate
    regularity: Annotated[int, Field(ge=1, le=12)] = 1
    """gaps between purchases are Erlang of this order: 1 = Poisson, 3 = regular (groceries)"""
    leaving: Leaving = Leaving(probability=0.0)
    basket: Basket
    season: Annotated[list[Positive], Field(min_length=WEEKS, max_length=WEEKS)] | None = None
    """factor on the purchase rate by week of the year (day of the year // 7; 53 factors); none = no season"""
    growth: Annotated[float, Field(gt=-0.9, lt=10)] = 0.0
    """relative change of every member's purchase rate per year from the start on, smooth"""
    history_days: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)] = [0.0, 0.0]
    """members present at the start became customers this many days before it, uniform from .. to"""
    standing: Standing | None = None
    """members at the start of whom history_days does not hold: they were there before; none = there are no such members"""
    new_members_per_month: Annotated[float, Field(ge=0, le=1)] = 0.0
    """members who join in each month, as a share of the members at the start"""
    first_purchase_on_joining: bool = False
    """true: a member who joins during the run makes a purchase at that moment"""
    segments: list[Segment] = []
    """shares must add to 1; none = one segment called all"""
    posterior: Posterior | None = None
    shocks: Shocks = Shocks()
    """spreads of what befalls all members at once; 0 = nothing does"""
    source: str = "assumed"
    """where these numbers come from, printed in every report"""

    def check(self) -> None:
        if self.history_days[0] > self.history_days[1]:
            raise ValueError("history_days must run from the smaller to the larger number of days")
        if self.standing is not None and self.leaving.a is None:
            raise ValueError("standing needs leaving stated by a and b: who leaves easily had left before")
        if self.segments:
            total = sum(s.share for s in self.segments)
            if abs(total - 1) > 1e-9:
                raise ValueError(f"the shares of the segments add to {total:g}, they must add to 1")
            if len({s.name for s in self.segments}) != len(self.segments):
                raise ValueError("two segments have the same name")
        if self.posterior:
            for name in self.posterior.parameters:
                value = _dotted(self, name)
                if not isinstance(value, (int, float)) or value <= 0:
                    raise ValueError(f"posterior names {name}, which is not a positive number here")

    def drawn(self, rng: np.random.Generator) -> Population:
        """One draw from the posterior; the population itself where it carries none.

        Normal scores are drawn first and scaled after, so that equal generators give coupled draws.
        """
        if self.posterior is None or not self.posterior.parameters:
            return self
        matrix = np.array(self.posterior.covariance)
        values, vectors = np.linalg.eigh(matrix)
        root = vectors * np.sqrt(np.clip(values, 0, None))
        shift = np.exp(root @ rng.standard_normal(len(values)))
        data: dict[str, Any] = self.model_dump()
        for name, factor in zip(self.posterior.parameters, shift, strict=True):
            *path, leaf = name.split(".")
            node = data
            for step in path:
                node = node[step]
            node[leaf] = float(node[leaf] * factor)
            if name == "leaving.probability":
                node[leaf] = min(1.0, node[leaf])
        return Population.model_validate(data)


def _dotted(part: Any, name: str) -> Any:
    for step in name.split("."):
        part = getattr(part, step, None)
    return part
