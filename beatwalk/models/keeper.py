"""Keeps the model in use, so that videos made one after the other load it once."""

from __future__ import annotations

from collections.abc import Callable

from beatwalk.core import LoadingModel, OnEvent
from beatwalk.models.loading import fingerprint_of, load_model
from beatwalk.models.request import ModelRequest
from beatwalk.models.seam import Generator


class ModelKeeper:
    """The model that was asked for last; only one at a time is in memory.

    Parameters
    ----------
    load
        Loads a model; None: `load_model` does.
    fingerprint
        Gives a model's fingerprint without loading it; None: `fingerprint_of` does.
    """

    def __init__(
        self,
        load: Callable[[ModelRequest], Generator] | None = None,
        fingerprint: Callable[[ModelRequest], str] | None = None,
    ) -> None:
        self._load, self._fingerprint = load or load_model, fingerprint or fingerprint_of
        self._kept: tuple[ModelRequest, Generator] | None = None

    @classmethod
    def holding(cls, generator: Generator) -> ModelKeeper:
        """Give the same, loaded model to whoever asks."""
        return cls(lambda request: generator, lambda request: generator.info.fingerprint)

    def fingerprint(self, request: ModelRequest) -> str:
        """The fingerprint of a model, which is not loaded for it.

        Raises
        ------
        ModelError, DeviceError
            As `load_model` would.
        """
        return self._fingerprint(request)

    def of(self, request: ModelRequest, tell: OnEvent | None = None) -> Generator:
        """The model, loaded where it is not the one that is kept.

        Raises
        ------
        ModelError, DeviceError
            See `load_model`.
        """
        if self._kept is None or self._kept[0] != request:
            self._kept = None  # before the next one needs the memory
            if tell is not None:
                tell(LoadingModel(model=request.model))
            self._kept = (request, self._load(request))
        return self._kept[1]
