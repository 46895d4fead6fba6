"""`python -m ald_keras.experiments.compare`."""

from ald_keras.experiments.compare.command import main

if __name__ == "__main__":
    raise SystemExit(main())
