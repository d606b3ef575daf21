"""A run: plan, engine, cache, journal, and the report joined from them."""
