"""From what the user typed to a model on disk: paths, folders, samples and the Hub."""
