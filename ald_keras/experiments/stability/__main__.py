"""`python -m ald_keras.experiments.stability`."""

from ald_keras.experiments.stability.command import main

if __name__ == "__main__":
    raise SystemExit(main())
