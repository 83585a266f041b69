"""The server that `zoo-compress package --target docker` puts beside a model.

It speaks the REST form of the Open Inference Protocol, version 2, and needs nothing of
zoo-compress: the folder is copied as it is.
"""
