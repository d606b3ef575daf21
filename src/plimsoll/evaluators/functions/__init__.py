"""Python functions as evaluators: finding them, reading their signatures, calling them."""
