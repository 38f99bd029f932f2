"""How members react: one switch and one set of numbers for each effect of the registry."""

from __future__ import annotations

import keyword
import math
import zlib
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo, create_model, field_validator

from sim.effects import BY_NAME, EFFECTS, Effect, Parameter
from sim.formula import FUNCTIONS, READS, check, translated, words_of
from sim.part import Part, Share
from sim.tables import BOUND


class Uncertain(Part):
    """A number that is not known exactly: normal, clipped to the parameter's bounds."""

    mean: float
    sd: Annotated[float, Field(ge=0)]


class EffectSetting(Part):
    """Base of the settings of one effect."""

    on: bool = True


def _setting(effect: Effect) -> type[EffectSetting]:
    fields: dict[str, Any] = {}
    for p in effect.parameters:
        number = Annotated[float, Field(ge=p.low, le=p.high)]
        says = f"{p.says}; {p.unit}; prior {p.mean:g} +/- {p.sd:g}, within {p.low:g} .. {p.high:g}"
        fields[p.name] = (number | Uncertain | None, Field(default=None, description=says))
    made = create_model(
        f"Effect_{effect.name}", __base__=EffectSetting, __module__=__name__, __doc__=effect.says, **fields
    )
    globals()[made.__name__] = made  # pickle finds a class by module and name
    return made


_settings = {e.name: _setting(e) for e in EFFECTS}
_fields: dict[str, Any] = {name: (made, Field(default_factory=made)) for name, made in _settings.items()}
Effects: Any = create_model(
    "Effects", __base__=Part, __module__=__name__, __doc__="One entry an effect; what is left out has its prior.", **_fields
)


WORD = r"^[a-z][a-z0-9_]{0,23}$"
"""Names of own effects and of their numbers, as formulas call them."""
_NAME = Annotated[str, Field(pattern=WORD)]
MOST_LIFT = math.log(BOUND)
"""What responses may add to a log at most."""


def _as_text(formula: Any) -> Any:
    """A formula that is a number is written as one; on one line."""
    if isinstance(formula, int | float) and not isinstance(formula, bool):
        return repr(formula)
    return " ".join(formula.split()) if isinstance(formula, str) else formula


Formula = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | float)]
"""One expression, see sim.formula."""


MOVED = {
    "log_rate": "log rate", "log_basket": "log basket", "log_leaving": "log leaving", "log_redeeming": "log odds of redeeming",
}  # fmt: skip
"""What a user's formula may be added to, by its key."""


class OwnParameter(Part):
    """A number of a user's own effect."""

    mean: float
    sd: Annotated[float, Field(ge=0)] = 0.0
    """how unsure it is: normal, clipped to low and high; 0 = taken as known"""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    says: str = ""

    def check(self) -> None:
        low, high = self.bounds()
        if not low <= self.mean <= high:
            raise ValueError(f"mean is {self.mean:g}; it must lie within low and high, {low:g} .. {high:g}")

    def bounds(self) -> tuple[float, float]:
        """low and high, infinite where they are not given."""
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high


class OwnEffect(Part):
    """An effect of the programme that the user states: formulas over what the engine knows of a member, see sim.formula.

    It acts beside the registry's effects, exactly as its formulas say: with `aware` and `responsiveness` only where they stand in
    them. Like every effect it is one of the programme: it is not in the world without one, nor under a design that gives nothing.
    """

    name: _NAME
    on: bool = True
    says: Annotated[str, Field(min_length=1)]
    """what it does, in a sentence for readers of reports"""
    source: Annotated[str, Field(min_length=1)]
    """where the formula and its numbers come from; `an assumption` if from nowhere"""
    parameters: dict[_NAME, OwnParameter] = {}
    """numbers that the formulas call by name"""
    log_rate: Formula | None = None
    """added to the log purchase rate, from -50 (no purchase) to at_most"""
    at_most: Annotated[float, Field(ge=0, le=MOST_LIFT)] = MOST_LIFT
    """log_rate is cut there; the nearer it is to what the formula really says, the faster the run"""
    log_basket: Formula | None = None
    """added to the log list value of a basket, within -log 4 and log 4"""
    log_leaving: Formula | None = None
    """added to the log probability of leaving, within -10 and 10; a probability goes up to 1"""
    log_redeeming: Formula | None = None
    """added to the log odds of redeeming of a member who knows the programme, within -10 and 10"""
    after_closing: bool = False
    """whether it goes on when the programme closes (forecast --closing): true for what rests on points that members hold"""

    def formulas(self) -> dict[str, str]:
        """The formulas by the key they stand under."""
        return {key: text for key in MOVED if (text := getattr(self, key)) is not None}

    def entry(self) -> Effect:
        """The effect as the registry would have it."""
        stated = [
            Parameter(name, p.unit, p.mean, p.sd, *p.bounds(), p.mean, p.says or name) for name, p in self.parameters.items()
        ]
        words = "; ".join(f"{MOVED[key]} += {text}" for key, text in self.formulas().items())
        return Effect(self.name, self.says, words, self.source, tuple(stated))

    def check_names(self, tiers: Sequence[str], segments: Sequence[str]) -> None:
        """ValueError where a formula names a tier or segment that the scenario lacks."""
        for key, text in self.formulas().items():
            try:
                translated(text, {name: name for name in self.parameters}, {"tier": tiers, "segment": segments})
            except ValueError as error:
                raise ValueError(f"behaviour.own_effects: {self.name} in {key}: {error}") from None

    @field_validator("parameters")
    @classmethod
    def _words(cls, parameters: dict[str, OwnParameter]) -> dict[str, OwnParameter]:
        taken = [name for name in parameters if name in READS or name in FUNCTIONS or keyword.iskeyword(name)]
        if taken:
            raise ValueError(f"{taken[0]} is a word of the formulas; call the parameter something else")
        return parameters

    @field_validator(*MOVED)
    @classmethod
    def _readable(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and "parameters" in info.data:  # else their own mistakes are told first
            check(text, list(info.data["parameters"]))
        return text

    def check(self) -> None:
        if not self.formulas():
            raise ValueError(f"has no formula; give one of {', '.join(MOVED)}")
        called = {word for text in self.formulas().values() for word in words_of(text)}
        idle = [name for name in self.parameters if name not in called]
        if idle:
            raise ValueError(f"no formula calls its parameter {idle[0]}; use it, or take it away")
        if self.at_most != MOST_LIFT and self.log_rate is None:
            raise ValueError("at_most bounds log_rate, which is not given")


class Redeeming(Part):
    """How willing members are to redeem."""

    probability: Share = 0.3
    """that an aware member redeems at a purchase at which the balance affords a reward"""


class Behaviour(Part):
    """How members react to the programme."""

    all_effects: bool = True
    """false switches every effect off, whatever stands below"""
    redeeming: Redeeming = Redeeming()
    effects: Effects = Field(default_factory=Effects)
    own_effects: list[OwnEffect] = []
    """effects that the registry lacks, by formula"""

    def check(self) -> None:
        names = [effect.name for effect in self.own_effects]
        for k, name in enumerate(names):
            if name in BY_NAME:
                raise ValueError(
                    f"own_effects: {name} is an effect of the registry; set it under effects, or call your own something else"
                )
            if name in names[:k]:
                raise ValueError(f"own_effects: {name} is there twice")

    def known(self) -> tuple[Effect, ...]:
        """The registry's effects and the user's own."""
        return EFFECTS + tuple(effect.entry() for effect in self.own_effects)

    def acting(self) -> dict[str, OwnEffect]:
        """The user's own effects that are on, by name."""
        return {effect.name: effect for effect in self.own_effects if self.is_on(effect.name)}

    def own(self, effect: str) -> OwnEffect | None:
        """The user's own effect of that name."""
        return next((one for one in self.own_effects if one.name == effect), None)

    def is_on(self, effect: str) -> bool:
        """Whether the effect acts at all."""
        return bool(self.all_effects and (self.own(effect) or getattr(self.effects, effect)).on)

    def given(self, effect: str, parameter: str) -> float | Uncertain | None:
        """What the scenario says of a parameter; None = it leaves the registry's prior."""
        own = self.own(effect)
        if own is None:
            return getattr(getattr(self.effects, effect), parameter)  # type: ignore[no-any-return]
        number = own.parameters[parameter]
        return Uncertain(mean=number.mean, sd=number.sd)

    def stated(self, effect: str, parameter: str) -> Uncertain:
        """Mean and spread in force: a plain number is taken as known, what is left out has the registry's prior."""
        value = self.given(effect, parameter)
        if value is None:
            prior = next(p for p in BY_NAME[effect].parameters if p.name == parameter)
            return Uncertain(mean=prior.mean, sd=prior.sd)
        return value if isinstance(value, Uncertain) else Uncertain(mean=float(value), sd=0.0)

    def place(self, name: str) -> str:
        """Where the parameter `effect.parameter` stands in a scenario file."""
        effect, parameter = name.split(".")
        own = self.own(effect) is not None
        return f"behaviour.own_effects.{effect}.parameters.{parameter}" if own else f"behaviour.effects.{name}"

    def values(self, draw: int | None = None, score: dict[str, float] | None = None) -> dict[str, float]:
        """Value of every parameter as `effect.parameter`; an effect that is off has its off values.

        draw: None for the means; a number for one draw, the same for every scenario that gets the same number.
        score: normal scores by `effect.parameter` that take the place of the draw's (for sensitivity).
        """
        found: dict[str, float] = {}
        for effect in self.known():
            for p in effect.parameters:
                name = f"{effect.name}.{p.name}"
                if not self.is_on(effect.name):
                    found[name] = p.off
                    continue
                stated = self.stated(effect.name, p.name)
                z = 0.0 if draw is None else normal_score(draw, name)
                z = (score or {}).get(name, z)
                found[name] = float(np.clip(stated.mean + stated.sd * z, p.low, p.high))
        return found


def normal_score(draw: int, name: str) -> float:
    """Standard normal number of parameter `name` in draw number `draw`; depends on nothing else."""
    return float(np.random.Generator(np.random.Philox([draw, zlib.crc32(name.encode())])).standard_normal())
