"""A session that always runs the same sample, to be timed beside others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import InputError
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.session import open_session, runtime_errors, short_reason

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class FedSession:
    """Runs one sample, whatever it is given."""

    def __init__(self, session: InferenceSession, feed: Feed) -> None:
        """Take an open session and the sample."""
        self._session = session
        self._feed = dict(feed)

    @classmethod
    def open(
        cls, model: bytes, supplied: Mapping[str, AnyArray], feed: Feed, device: Device
    ) -> FedSession:
        """Open a serialised model as a race does: threads that wait sleep.

        Args:
            model: The model.
            supplied: Weights that it declares without their values.
            feed: The sample.
            device: Where to run.

        Raises:
            SourceError: If ONNX Runtime cannot open it.
        """
        session = open_session(
            model,
            threads=default_threads(),
            initializers=supplied,
            spinning=False,
            device=device,
        )
        return cls(session, feed)

    def run(self, output_names: None, feed: dict[str, AnyArray], /) -> object:
        """Run the sample.

        Raises:
            InputError: If it does not run.
        """
        try:
            return self._session.run(None, self._feed)
        except runtime_errors(load_onnxruntime()) as error:
            raise InputError(f"it does not run: {short_reason(error)}") from error

    def get_providers(self) -> list[str]:
        """Return the execution providers, the preferred one first."""
        providers: list[str] = self._session.get_providers()
        return providers
