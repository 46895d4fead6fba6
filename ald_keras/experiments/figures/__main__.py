"""`python -m ald_keras.experiments.figures`."""

from ald_keras.experiments.figures.command import main

if __name__ == "__main__":
    raise SystemExit(main())
