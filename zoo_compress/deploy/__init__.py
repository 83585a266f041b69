"""Bundles: a model's files as a server or a browser wants them, in one folder."""
