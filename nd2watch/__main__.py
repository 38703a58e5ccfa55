"""Entry point of ``python -m nd2watch``."""

import sys

from nd2watch.cli import main

if __name__ == "__main__":
    sys.exit(main())
