"""Distances between outputs, their uncertainty, bounds, and certificates.

Usable without the rest of zoo-compress, on outputs from anywhere: one sequence of arrays per
sample, batch axis of length 1 included.

    >>> import numpy as np
    >>> from zoo_compress.stats.certificates import certify_bounded_mean
    >>> from zoo_compress.stats.distances import output_distance
    >>> rng = np.random.default_rng(0)
    >>> original = [(rng.normal(size=(1, 10)),) for _ in range(500)]
    >>> other = [(logits + rng.normal(scale=0.05, size=(1, 10)),) for (logits,) in original]
    >>> distance = output_distance("total-variation", original)
    >>> values = distance(other, range(500))
    >>> certificate = certify_bounded_mean(
    ...     values, confidence=0.95, scope="500 normal draws", noun=distance.noun
    ... )
    >>> print(certificate.statement)
    With 95 % confidence the mean total variation distance of the class probabilities to the
    original is at most 0.02..., on a scale from 0 to 1 (0.01... over the 500 inputs measured).
    >>> mean, variance = distance.estimate(other, range(500))

What is where:

- `distances`: squared L2, total variation, Kullback-Leibler, cosine, relational;
- `u_statistics`: means over samples or over pairs of samples, with their variances;
- `bounds`, `betting`: confidence bounds that hold at every sample size;
- `asymptotic`: an interval and a risk bound that hold only for large samples, and say so;
- `fixed_sequence`: several hypotheses tested in an order that was fixed beforehand;
- `certificates`: all of these as sentences.
"""
