"""Real models with real inputs, carried by packages of the [samples] extra. One file each."""
