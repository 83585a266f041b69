"""The type of `--device`."""

from __future__ import annotations

import re
from typing import Any

import click


class DeviceName(click.ParamType[str]):
    """`auto`, `cpu`, `cuda` or `cuda:N`; whether it can be used is for the run to find."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is."""
        text = str(value)
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", text):
            self.fail(f"'{text}' is no device; give auto, cpu, cuda or cuda:N", param, ctx)
        return text
