"""The type of `--device`."""

from __future__ import annotations

from typing import Any

import click


class DeviceName(click.ParamType[str]):
    """`auto`, `cpu`, `cuda` or `cuda:N`; whether it can be used is for the command to find."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is."""
        from zoo_compress.runtime.device import ACCEPTED, is_device_name

        text = str(value)
        if not is_device_name(text):
            self.fail(f"'{text}' is no device; give {ACCEPTED}", param, ctx)
        return text
