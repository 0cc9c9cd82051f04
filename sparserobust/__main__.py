"""`python -m sparserobust`: the same as the command `sparserobust`."""

from sparserobust.cli.main import main

if __name__ == "__main__":
    main()
