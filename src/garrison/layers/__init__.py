"""One defence per file; each exports `compile(policy, services) -> Layer`."""
