"""What happened, in one closed vocabulary: events, the bounded bus, redaction, writers and the embedded store."""
