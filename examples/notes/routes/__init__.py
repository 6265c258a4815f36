"""One file per feature; each has a `router`."""
