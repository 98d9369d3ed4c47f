"""Text that is mixed of a few prompts, once a batch of it is needed.

Text may be large: with 512 tokens of 4096 numbers, a row has 8 MB, and the rows of a whole lookahead would be
gigabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from beatwalk.models.arrays import mixed
from beatwalk.types import Conditioning, Float


@dataclass(frozen=True, kw_only=True, eq=False)
class MixedText:
    """Rows that are mixtures of texts."""

    texts: tuple[Conditioning, ...]  # one row each
    weights: Float  # of each text in each row, shape (rows, texts)
    masks: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)  # of the rows

    @classmethod
    def repeated(cls, text: Conditioning, count: int) -> MixedText:
        """One row, `count` times."""
        masks = {name: mask.repeat(count, axis=0) for name, mask in text.masks.items()}
        return cls(texts=(text,), weights=np.ones((count, 1)), masks=masks)

    def __len__(self) -> int:
        return len(self.weights)

    def rows(self, rows: slice | NDArray[np.int64]) -> MixedText:
        """Some rows of the batch."""
        masks = {name: mask[rows] for name, mask in self.masks.items()}
        return MixedText(texts=self.texts, weights=self.weights[rows], masks=masks)

    def made(self) -> Conditioning:
        """The mixture of all rows."""
        names = self.texts[0].tensors
        tensors = {name: mixed(self.weights, [text.tensors[name][0] for text in self.texts]) for name in names}
        return Conditioning(tensors=tensors, masks=self.masks)


Text = Conditioning | MixedText
