"""`python -m ald_keras.experiments.bottleneck`."""

from ald_keras.experiments.bottleneck.command import main

if __name__ == "__main__":
    raise SystemExit(main())
