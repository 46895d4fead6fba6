"""The search that decides on gates under a bound on the error."""
