"""`python -m pixcli` is `pixcli`."""

from pixcli.cli.app import main

if __name__ == "__main__":
    main()
