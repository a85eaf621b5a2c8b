"""The synthetic people that ship with us."""

from __future__ import annotations

from fomm.synthetic.heads import Shape
from fomm.synthetic.people import Brows, Hair, Person

DRIVER = Person(
    shape=Shape({"gender": 0.9, "age": 0.6}),
    hair=Hair(style="short"),
    brows=Brows(thickness=0.85),
)
