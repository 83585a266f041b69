"""Errors that a user can cause or mend, each with the exit code that the command line returns.

Exit code 2 keeps its usual meaning, a wrong command line. Exit code 1 is an unexpected failure
or, as CI expects of a check, a limit that was not met.
"""


class ZooCompressError(Exception):
    """Root of every error that ends a command with one line instead of a traceback."""

    exit_code = 1


class LimitError(ZooCompressError):
    """A limit that `certify` or `verify` was given is not met."""

    exit_code = 1


class SourceError(ZooCompressError):
    """The model named by the user is missing, is not ONNX, or is damaged."""

    exit_code = 3


class ExternalDataError(ZooCompressError):
    """A model's external data is missing or points outside the model's folder."""

    exit_code = 4


class NoSiteError(ZooCompressError):
    """The model has no weight that the recipe can make smaller."""

    exit_code = 5


class InputError(ZooCompressError):
    """The data does not fit the model's inputs or cannot be read."""

    exit_code = 6


class OriginalModelError(ZooCompressError):
    """The original model itself does not run, or returns NaN or infinity."""

    exit_code = 7


class BudgetError(ZooCompressError):
    """A budget is malformed, out of range or below what the recipe can reach."""

    exit_code = 8


class OutputError(ZooCompressError):
    """The output folder cannot be used as asked."""

    exit_code = 9


class DiskFullError(ZooCompressError):
    """A file could not be written for lack of space."""

    exit_code = 10


class PublishGateError(ZooCompressError):
    """The written model is not what the search measured; it must not be used or published."""

    exit_code = 11


class RuntimeFlavourError(ZooCompressError):
    """ONNX Runtime is not installed, or two flavours of it overwrite each other."""

    exit_code = 12


class RecipeError(ZooCompressError):
    """A recipe cannot be found or does not validate."""

    exit_code = 13


class PlanError(ZooCompressError):
    """A plan cannot be read, or was made for another model."""

    exit_code = 14


class SampleError(ZooCompressError):
    """A sample is unknown, or the packages that carry it are not installed."""

    exit_code = 15


class HubError(ZooCompressError):
    """The Hub refused, or could not be reached."""

    exit_code = 16


class PluginError(ZooCompressError):
    """No plug-in of that name is installed, or it does not load."""

    exit_code = 17


class LicenceError(ZooCompressError):
    """The original's licence or terms forbid to publish the result in this way."""

    exit_code = 18


class SearchInterrupted(ZooCompressError):
    """The user stopped a run; what was measured is kept and the run can be resumed."""

    exit_code = 130
