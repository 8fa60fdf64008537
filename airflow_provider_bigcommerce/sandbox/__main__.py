"""`python -m airflow_provider_bigcommerce.sandbox` starts the sandbox."""

from __future__ import annotations

from airflow_provider_bigcommerce.sandbox.program import main

raise SystemExit(main())
