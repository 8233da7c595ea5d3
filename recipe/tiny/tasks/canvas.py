# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the families draw with: a 56x56 canvas, named colours, a grid of cells."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

SIZE = 56
CELLS = 4
CELL = SIZE // CELLS
BACKGROUNDS = ((255, 255, 255), (240, 240, 228), (228, 238, 245))
COLOURS = {"red": (200, 40, 40), "blue": (30, 90, 200), "green": (20, 130, 60), "black": (30, 30, 30)}
HABIT = 0.75
"""How often the careless teacher errs where it has the habit."""
STUBBORN = 0.93
"""How often in the families where the habit is hard to unlearn: most groups of eight samples have no right one."""
SELDOM = 0.15
"""How often elsewhere."""


def blank(rng: random.Random) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty image of a random background, and a pen for it."""
    image = Image.new("RGB", (SIZE, SIZE), rng.choice(BACKGROUNDS))
    return image, ImageDraw.Draw(image)


def square_in(cell: int, rng: random.Random) -> tuple[int, int, int, int]:
    """A square inside a cell of the 4x4 grid, at a random place and of a random size: squares never touch."""
    row, column = divmod(cell, CELLS)
    side = rng.randint(8, 11)
    left = column * CELL + rng.randint(1, CELL - side - 1)
    top = row * CELL + rng.randint(1, CELL - side - 1)
    return left, top, left + side - 1, top + side - 1
