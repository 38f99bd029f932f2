"""How members react: one switch and one set of numbers for each effect of the registry."""

from __future__ import annotations

import zlib
from typing import Annotated, Any

import numpy as np
from pydantic import Field, create_model

from sim.effects import BY_NAME, EFFECTS, Effect, Parameter
from sim.population import Part, Share


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

    def is_on(self, effect: str) -> bool:
        """Whether the effect acts at all."""
        return bool(self.all_effects and getattr(self.effects, effect).on)

    def stated(self, effect: str, parameter: str) -> Uncertain:
        """Mean and spread in force: a plain number is taken as known, what is left out has the registry's prior."""
        prior = _parameter(effect, parameter)
        value = getattr(getattr(self.effects, effect), parameter)
        if value is None:
            return Uncertain(mean=prior.mean, sd=prior.sd)
        return value if isinstance(value, Uncertain) else Uncertain(mean=float(value), sd=0.0)

    def values(self, draw: int | None = None, score: dict[str, float] | None = None) -> dict[str, float]:
        """Value of every parameter as `effect.parameter`; an effect that is off has its off values.

        draw: None for the means; a number for one draw, the same for every scenario that gets the same number.
        score: normal scores by `effect.parameter` that take the place of the draw's (for sensitivity).
        """
        found: dict[str, float] = {}
        for effect in EFFECTS:
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


def _parameter(effect: str, parameter: str) -> Parameter:
    return next(p for p in BY_NAME[effect].parameters if p.name == parameter)
