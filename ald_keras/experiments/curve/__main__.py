"""`python -m ald_keras.experiments.curve`."""

from ald_keras.experiments.curve.command import main

if __name__ == "__main__":
    raise SystemExit(main())
