"""``python -m airflow_provider_bigcommerce.cli``: the console script without its script."""

import sys

from airflow_provider_bigcommerce.cli import main

sys.exit(main())
