"""Is it true? Empirical ranges with their sources, baselines to pass, and the scorecard."""
