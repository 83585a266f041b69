"""The recipes that ship with zoo-compress, one YAML file each."""
