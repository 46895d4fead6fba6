"""`python -m ald_keras.export`."""

from ald_keras.export.command import main

if __name__ == "__main__":
    raise SystemExit(main())
