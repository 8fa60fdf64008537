"""What Airflow reads about this package: the connection type, its form and the modules.

Data only, read by every Airflow component at start: imports neither Airflow nor anything else of weight.
"""

from __future__ import annotations

from typing import Any, Final

CONN_TYPE: Final = "bigcommerce"
HOOK_NAME: Final = "BigCommerce"

#: The connection form's own fields, in the form's order: Airflow 3.2 and later draw them from this, 3.1 from the hook's form methods, which
#: are made of the same. A type without ``"null"`` is a required field. Airflow masks by the key's name, so these names are fixed.
CONN_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "store_hash": {
        "label": "Store hash",
        "description": (
            "The short name of your store in BigCommerce's addresses: abc123 in your control panel's address "
            "https://store-abc123.mybigcommerce.com and in the API path https://api.bigcommerce.com/stores/abc123/v3/. "
            "You may paste either address as it is."
        ),
        "schema": {"type": "string"},
    },
    "access_token": {
        "label": "Access token",
        "description": (
            "In BigCommerce's control panel: Settings > Store-level API accounts > Create API account. The token is shown only once, when "
            "the account is created, and is in the .txt file offered for download then. Lost it? Create another account."
        ),
        "schema": {"type": "string", "format": "password"},
    },
    "client_id": {
        "label": "Client ID",
        "description": (
            "Optional. Shown together with the access token and in the same .txt file. Reading and writing data does not need it."
        ),
        "schema": {"type": ["string", "null"]},
    },
    "client_secret": {
        "label": "Client secret",
        "description": (
            "Optional. Shown only once, together with the access token, and in the same .txt file. Reading and writing data does not need "
            "it, and it is never sent to BigCommerce, which signs webhooks with it."
        ),
        "schema": {"type": ["string", "null"], "format": "password"},
    },
}

#: What becomes of Airflow's standard fields. The base URL must be the standard field ``host``: Airflow does not hand stored secrets to a
#: connection test whose host was edited, while it does not look at the extra fields.
UI_FIELD_BEHAVIOUR: Final[dict[str, Any]] = {
    "hidden-fields": ["schema", "port", "login", "password"],
    "relabeling": {"host": "API base URL"},
    "placeholders": {"host": "leave empty for https://api.bigcommerce.com"},
}

#: Airflow's section of the configuration for the receiver of webhooks; read in ``engine/webhook_settings.py``.
CONFIG: Final[dict[str, Any]] = {
    "bigcommerce": {
        "description": "How webhooks of BigCommerce are received by the API server; Airflow 3.2 and later.",
        "options": {
            "webhook_connections": {
                "description": (
                    "Connection ids, with commas between, whose webhooks are received at <base URL>/bigcommerce/webhooks/<connection id>. "
                    "Empty: nothing is received, and no route exists."
                ),
                "version_added": None,
                "type": "string",
                "example": "bigcommerce_default",
                "default": "",
            },
            "webhook_base_url": {
                "description": (
                    "The public https address of the API server, as BigCommerce reaches it, with its path if it has one. Webhooks are made "
                    "for it where no destination is named."
                ),
                "version_added": None,
                "type": "string",
                "example": "https://webhooks.example.com",
                "default": "",
            },
            "webhook_signature": {
                "description": (
                    "if_present: the signature by the client secret is checked where it comes and the connection has the secret. "
                    "required: a delivery without a right signature is refused. The header secret is always checked."
                ),
                "version_added": None,
                "type": "string",
                "example": "required",
                "default": "if_present",
            },
            "webhook_flush_ms": {
                "description": "Milliseconds in which deliveries are gathered to be committed together; each is answered after its commit.",
                "version_added": None,
                "type": "integer",
                "example": None,
                "default": "100",
            },
            "webhook_max_body": {
                "description": "Bytes that a delivery may have.",
                "version_added": None,
                "type": "integer",
                "example": None,
                "default": "65536",
            },
        },
    }
}


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, as Airflow's ``provider_info.schema.json`` describes it."""
    package = "airflow_provider_bigcommerce"
    return {
        "package-name": "airflow-provider-bigcommerce",
        "name": "BigCommerce",
        # The link stands last: Airflow's page of providers writes no blank behind one.
        "description": "Reads and writes a store within its quota: `BigCommerce <https://www.bigcommerce.com/>`__.",
        "integrations": [
            {
                "integration-name": "BigCommerce",
                "external-doc-url": "https://developer.bigcommerce.com/",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": "BigCommerce", "python-modules": [f"{package}.hooks.bigcommerce"]}],
        "operators": [
            {
                "integration-name": "BigCommerce",
                "python-modules": [
                    f"{package}.operators.{name}"
                    for name in (
                        "apply",
                        "compact",
                        "graphql",
                        "partition",
                        "plan",
                        "queue",
                        "reconcile",
                        "refunds",
                        "request",
                        "rows",
                        "shipments",
                        "stock",
                        "sync",
                        "undo",
                        "webhooks",
                    )
                ],
            }
        ],
        "sensors": [{"integration-name": "BigCommerce", "python-modules": [f"{package}.sensors.resource"]}],
        "triggers": [
            {
                "integration-name": "BigCommerce",
                "python-modules": [f"{package}.triggers.{name}" for name in ("changes", "resource", "until")],
            }
        ],
        "transfers": [
            {
                "source-integration-name": "BigCommerce",
                "target-integration-name": "Common IO",
                "python-module": f"{package}.transfers.to_object_storage",
            },
            {
                "source-integration-name": "BigCommerce",
                "target-integration-name": "Common SQL",
                "python-module": f"{package}.transfers.to_sql",
            },
            {
                "source-integration-name": "BigCommerce",
                "target-integration-name": "Delta Lake",
                "python-module": f"{package}.transfers.to_lake",
            },
            {
                "source-integration-name": "Common IO",
                "target-integration-name": "BigCommerce",
                "python-module": f"{package}.transfers.object_storage_to_bigcommerce",
            },
            {
                "source-integration-name": "Common SQL",
                "target-integration-name": "BigCommerce",
                "python-module": f"{package}.transfers.sql_to_bigcommerce",
            },
        ],
        "connection-types": [
            {
                "connection-type": CONN_TYPE,
                "hook-name": HOOK_NAME,
                "hook-class-name": f"{package}.hooks.bigcommerce.BigCommerceHook",
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": CONN_FIELDS,
            }
        ],
        "config": CONFIG,
        "extra-links": [f"{package}.links.BigCommerceControlPanelLink"],
        "asset-uris": [
            {
                "schemes": ["bigcommerce"],
                "handler": f"{package}.assets.sanitize_uri",
                "factory": f"{package}.assets.create_asset",
            }
        ],
    }
