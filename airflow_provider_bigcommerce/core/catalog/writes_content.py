"""What writes pages, widgets, themes, scripts and blog posts.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write

CUSTOM_TEMPLATE_ASSOCIATIONS_KEYS = (
    Lookup(
        "/v3/storefront/custom-template-associations", ("entity_id", "channel_id", "entity_type"),
        filter="entity_id:in", many=True, unique=True,
    ),
)
PAGES_KEYS = (Lookup("/v3/content/pages", ("name",), filter="name", unique=True),)
REDIRECTS_KEYS = (Lookup("/v3/storefront/redirects", ("from_path", "site_id"), filter="keyword", unique=False),)
BLOG_POSTS_KEYS = (Lookup("/v2/blog/posts", ("url",), filter="url"),)
WIDGETS_KEYS = (Lookup("/v3/content/widgets", ("name",), filter="name:in", many=True, unique=False),)

WRITES: tuple[Write, ...] = (
    Write(
        "PUT", "/v3/storefront/custom-template-associations", resource="custom_template_associations", role="upsert", batch_size=100,
        body="array", put="upsert_overwrites", repeat="safe", upsert_by=(("channel_id", "entity_id", "entity_type"),), failed_by="id",
        failed_status=(422,), lookup=CUSTOM_TEMPLATE_ASSOCIATIONS_KEYS, source="custom-template-associations.v3.yml:108",
    ),
    Write(
        "DELETE", "/v3/storefront/custom-template-associations", resource="custom_template_associations", role="delete_many",
        batch_size=None, body="none", required_filters=("id:in",), filters=("channel_id", "type", "entity_id:in"), repeat="safe",
        empty_filter="must_have", lookup=CUSTOM_TEMPLATE_ASSOCIATIONS_KEYS, source="custom-template-associations.v3.yml:157",
    ),
    Write(
        "PUT", "/v3/marketing/email-templates/{template-name}", resource="email_templates", role="upsert", put="partial_implied",
        repeat="safe", source="email_templates.v3.yml:109",
    ),
    Write(
        "DELETE", "/v3/marketing/email-templates/{template-name}", resource="email_templates", role="delete", body="none",
        required_filters=("channel_id",), repeat="safe_404", empty_filter="one_object", source="email_templates.v3.yml:167",
    ),
    Write("POST", "/v3/content/page-widgets", resource="page_widgets", role="upsert", repeat="safe", source="page-widgets.v3.yml:49"),
    Write(
        "POST", "/v3/content/pages", resource="pages", role="create", batch_size=None, body="array_or_object", repeat="refused",
        failed_by="none", failed_status=(422,), lookup=PAGES_KEYS, source="pages.v3.yml:79",
    ),
    Write(
        "PUT", "/v3/content/pages", resource="pages", role="update", batch_size=None, body="array", put="unknown", repeat="safe",
        failed_by="unknown", lookup=PAGES_KEYS, source="pages.v3.yml:172",
    ),
    Write(
        "DELETE", "/v3/content/pages", resource="pages", role="delete_many", batch_size=None, body="none", required_filters=("id:in",),
        repeat="safe", empty_filter="required_param", lookup=PAGES_KEYS, source="pages.v3.yml:256",
    ),
    Write(
        "PUT", "/v3/content/pages/{pageId}", resource="pages", role="update", put="partial_implied", repeat="safe", lookup=PAGES_KEYS,
        source="pages.v3.yml:428",
    ),
    Write(
        "DELETE", "/v3/content/pages/{pageId}", resource="pages", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        lookup=PAGES_KEYS, source="pages.v3.yml:476",
    ),
    Write(
        "PUT", "/v3/storefront/redirects", resource="redirects", role="upsert", batch_size=None, body="array", put="upsert_overwrites",
        repeat="safe", upsert_by=(("from_path", "site_id"),), failed_by="unknown", lookup=REDIRECTS_KEYS, source="redirects.v3.yml:122",
    ),
    Write(
        "DELETE", "/v3/storefront/redirects", resource="redirects", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="must_have", lookup=REDIRECTS_KEYS, source="redirects.v3.yml:152",
    ),
    Write(
        "POST", "/v3/storefront/redirects/imex/export", resource="redirect_jobs", role="action", concurrency=1, repeat="unknown",
        is_asynchronous=True, source="redirects.v3.yml:232",
    ),
    Write(
        "POST", "/v3/storefront/redirects/imex/import", resource="redirect_jobs", role="action", body="multipart", concurrency=1,
        repeat="unknown", is_asynchronous=True, source="redirects.v3.yml:281",
    ),
    Write("POST", "/v3/content/scripts", resource="scripts", role="create", repeat="duplicates", source="scripts.v3.yml:29"),
    Write(
        "PUT", "/v3/content/scripts/{uuid}", resource="scripts", role="update", put="partial_implied", repeat="safe",
        source="scripts.v3.yml:306",
    ),
    Write(
        "DELETE", "/v3/content/scripts/{uuid}", resource="scripts", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", source="scripts.v3.yml:391",
    ),
    Write(
        "POST", "/v2/blog/posts", resource="blog_posts", role="create", repeat="duplicates", failed_by="row", failed_status=(207,),
        lookup=BLOG_POSTS_KEYS, source="store_content.v2.yml:167",
    ),
    Write(
        "DELETE", "/v2/blog/posts", resource="blog_posts", role="delete_many", body="none", repeat="safe", empty_filter="wipes",
        lookup=BLOG_POSTS_KEYS, source="store_content.v2.yml:228",
    ),
    Write(
        "PUT", "/v2/blog/posts/{id}", resource="blog_posts", role="update", put="partial_implied", repeat="safe", failed_by="row",
        failed_status=(207,), lookup=BLOG_POSTS_KEYS, source="store_content.v2.yml:300",
    ),
    Write(
        "DELETE", "/v2/blog/posts/{id}", resource="blog_posts", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        lookup=BLOG_POSTS_KEYS, source="store_content.v2.yml:357",
    ),
    Write("POST", "/v2/pages", resource="pages_v2", role="create", repeat="unknown", deprecated=True, source="store_content.v2.yml:447"),
    Write(
        "PUT", "/v2/pages/{id}", resource="pages_v2", role="update", put="partial_implied", repeat="safe", deprecated=True,
        source="store_content.v2.yml:583",
    ),
    Write(
        "DELETE", "/v2/pages/{id}", resource="pages_v2", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        deprecated=True, source="store_content.v2.yml:644",
    ),
    Write(
        "POST", "/v2/redirects", resource="redirects_v2", role="create", repeat="unknown", deprecated=True,
        source="store_content.v2.yml:703",
    ),
    Write(
        "DELETE", "/v2/redirects", resource="redirects_v2", role="delete_many", body="none", repeat="safe", empty_filter="wipes",
        deprecated=True, source="store_content.v2.yml:745",
    ),
    Write(
        "PUT", "/v2/redirects/{id}", resource="redirects_v2", role="update", put="partial_implied", repeat="safe", deprecated=True,
        source="store_content.v2.yml:801",
    ),
    Write(
        "DELETE", "/v2/redirects/{id}", resource="redirects_v2", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        deprecated=True, source="store_content.v2.yml:880",
    ),
    Write(
        "POST", "/v3/themes", resource="themes", role="create", body="multipart", repeat="unknown", is_asynchronous=True,
        source="themes.v3.yml:109",
    ),
    Write(
        "DELETE", "/v3/themes/{uuid}", resource="themes", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        source="themes.v3.yml:244",
    ),
    Write(
        "POST", "/v3/themes/{uuid}/actions/download", resource="themes", role="action", repeat="unknown", is_asynchronous=True,
        source="themes.v3.yml:293",
    ),
    Write("POST", "/v3/themes/actions/activate", resource="themes", role="action", repeat="unknown", source="themes.v3.yml:360"),
    Write(
        "POST", "/v3/themes/{uuid}/configurations/validate", resource="theme_configurations", role="read", repeat="read",
        source="themes.v3.yml:541",
    ),
    Write("POST", "/v3/content/widget-templates", resource="widget_templates", role="create", repeat="unknown", source="widgets.v3.yml:51"),
    Write(
        "POST", "/v3/content/widget-templates/{uuid}/preview", resource="widget_templates", role="read", repeat="read",
        source="widgets.v3.yml:144",
    ),
    Write(
        "PUT", "/v3/content/widget-templates/{uuid}", resource="widget_templates", role="update", put="partial_implied", repeat="safe",
        source="widgets.v3.yml:186",
    ),
    Write(
        "DELETE", "/v3/content/widget-templates/{uuid}", resource="widget_templates", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", source="widgets.v3.yml:212",
    ),
    Write(
        "POST", "/v3/content/widgets", resource="widgets", role="create", repeat="duplicates", lookup=WIDGETS_KEYS,
        source="widgets.v3.yml:229",
    ),
    Write(
        "PUT", "/v3/content/widgets/{uuid}", resource="widgets", role="update", put="partial_implied", repeat="safe", lookup=WIDGETS_KEYS,
        source="widgets.v3.yml:297",
    ),
    Write(
        "DELETE", "/v3/content/widgets/{uuid}", resource="widgets", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=WIDGETS_KEYS, source="widgets.v3.yml:327",
    ),
    Write("POST", "/v3/content/placements", resource="widget_placements", role="create", repeat="duplicates", source="widgets.v3.yml:344"),
    Write(
        "PUT", "/v3/content/placements/{uuid}", resource="widget_placements", role="update", put="partial_implied", repeat="safe",
        source="widgets.v3.yml:412",
    ),
    Write(
        "DELETE", "/v3/content/placements/{uuid}", resource="widget_placements", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", source="widgets.v3.yml:439",
    ),
)
