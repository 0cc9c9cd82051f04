"""W_eff = offset + mask * values: masks and offsets on a model, kept true while it trains."""
