"""`python -m spantail_service` is the same as the `spantail` command."""

from spantail_service.cli import main

if __name__ == "__main__":
    main()
