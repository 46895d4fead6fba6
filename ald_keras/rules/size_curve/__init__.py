"""Rules that sample sizes: the default one, and the one for elastic models."""
