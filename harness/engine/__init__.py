"""The engine: what the store lacks is planned, computed and kept; everything else reads."""
