"""Events for other systems: formats (pure) and the ways there, each in a thread of its own."""
