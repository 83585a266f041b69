"""Statements about the compressed model that hold with stated confidence.

They speak of inputs drawn independently from the same source as the ones given, none of which
calibration or search may have seen.
"""

from __future__ import annotations

from zoo_compress.stats.certificates.asymptotic import (
    certify_asymptotic_interval,
    certify_lipschitz,
)
from zoo_compress.stats.certificates.bounded_mean import certify_bounded_mean
from zoo_compress.stats.certificates.disagreement import (
    certify_disagreement,
    certify_top1,
    top_answers_differ,
)
from zoo_compress.stats.certificates.quantile import QUANTILES, certify_quantile
from zoo_compress.stats.certificates.sequence import CertifiedSequence, certify_sequence

__all__ = [
    "QUANTILES",
    "CertifiedSequence",
    "certify_asymptotic_interval",
    "certify_bounded_mean",
    "certify_disagreement",
    "certify_lipschitz",
    "certify_quantile",
    "certify_sequence",
    "certify_top1",
    "top_answers_differ",
]
