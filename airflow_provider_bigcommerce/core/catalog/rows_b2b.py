"""B2B Edition: companies, their buyers, quotes, invoices and what belongs to them, on a host of its own.

Rows only; the fields are explained in ``resource.py``. Where a file names no largest ``limit``, 200 is asked for: no list of B2B Edition
documents a smaller one. A list that answers fewer is walked in steps of what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from airflow_provider_bigcommerce.core.catalog.resource import (
    B2B_CREATED,
    B2B_CREATED_INCLUSIVE,
    B2B_EDITION,
    B2B_MODIFIED,
    B2B_MODIFIED_INCLUSIVE,
    Resource,
)

_FILES: Final = "b2b/specs/api-v3"
_BY_CREATION: Final[Mapping[str, str]] = {"sortBy": "createdAt", "orderBy": "ASC"}

ROWS: tuple[Resource, ...] = (
    Resource(
        name="b2b_companies", area="b2b", path="/api/v3/io/companies", item_path="/api/v3/io/companies/{companyId}",
        paging="offset", page_size=200, primary_key=("companyId",), scopes=B2B_EDITION,
        modified=B2B_MODIFIED_INCLUSIVE, created=B2B_CREATED_INCLUSIVE,
        filters=(
            "sortBy", "orderBy", "isIncludeExtraFields", "companyStatus", "q", "extraFields", "bcOrderId", "orderId", "bcGroupId",
            "customerId", "extraFieldFilterType",
        ),
        webhook_scopes=(
            "store/company/created", "store/company/updated", "store/company/deleted", "store/company/statusUpdated",
        ),
        spec_file=f"{_FILES}/company/company.yaml",
        note="The centre of B2B Edition. isIncludeExtraFields=1 adds the extra fields.",
    ),
    Resource(
        name="b2b_users", area="b2b", path="/api/v3/io/users", item_path="/api/v3/io/users/{userId}",
        paging="offset", scopes=B2B_EDITION,
        modified=B2B_MODIFIED, created=B2B_CREATED,
        filters=("companyId", "roles", "email", "channelId", "isIncludeExtraFields", "q"),
        webhook_scopes=("store/company/user/created", "store/company/user/updated", "store/company/user/deleted"),
        spec_file=f"{_FILES}/user/user.yaml",
        note="Buyers of companies; customerId is the customer of the store.",
    ),
    Resource(
        name="b2b_addresses", area="b2b", path="/api/v3/io/addresses", item_path="/api/v3/io/addresses/{addressId}",
        paging="offset", page_size=249, primary_key=("addressId",), scopes=B2B_EDITION,
        modified=B2B_MODIFIED, created=B2B_CREATED,
        filters=(
            "companyId", "isBilling", "isShipping", "isIncludeExtraFields", "firstName", "lastName", "address", "city", "country", "state",
            "zipCode", "phoneNumber", "externalId[]",
        ),
        webhook_scopes=("store/company/address/created", "store/company/address/updated", "store/company/address/deleted"),
        spec_file=f"{_FILES}/address/address.yaml",
        note="Of all companies. Filtered by dates that its rows do not show. The file's limit is below 250.",
    ),
    Resource(
        name="b2b_orders", area="b2b", path="/api/v3/io/orders", item_path="/api/v3/io/orders/{bcOrderId}",
        paging="offset", page_size=200, primary_key=("bcOrderId",), scopes=B2B_EDITION,
        modified=B2B_MODIFIED, created=B2B_CREATED,
        whole_params={"minCreated": "1"}, stable_sort=_BY_CREATION,
        filters=("companyId", "bcOrderId", "showExtra", "channelIds[]"),
        spec_file=f"{_FILES}/order/order.yaml",
        note=(
            "Without dates BigCommerce leaves out what is older than a year: minCreated=1 asks for all. Holds orders of guests too. "
            "bcOrderId is the order's id in orders; an order's company may come some seconds late."
        ),
    ),
    Resource(
        name="b2b_order_products", area="b2b", path="/api/v3/io/orders/{bcOrderId}/products",
        parent="b2b_orders", parent_keys={"bcOrderId": "bcOrderId"}, paging="single", page_size=0,
        primary_key=("bc_order_id", "id"), scopes=B2B_EDITION,
        spec_file=f"{_FILES}/order/order.yaml",
        note="Lines as B2B Edition sees them; order_products has all their fields, and costs no request an order.",
    ),
    Resource(
        name="b2b_quotes", area="b2b", path="/api/v3/io/rfq",
        paging="offset", envelope="data_list", page_size=200, primary_key=("quoteId",), scopes=B2B_EDITION,
        modified=B2B_MODIFIED, created=B2B_CREATED,
        stable_sort={"sortBy": "createdAt", "orderBy": "asc"},
        filters=(
            "q", "quoteNumber", "company", "salesRep", "status", "quoteTitle", "createdBy", "minExpired", "maxExpired", "channelIds[]",
        ),
        webhook_scopes=("store/quote/created", "store/quote/updated", "store/quote/deleted", "store/quote/statusUpdated"),
        spec_file=f"{_FILES}/quote/quote.yaml",
        note="Without their lines, which b2b_quote_details has.",
    ),
    Resource(
        name="b2b_quote_details", area="b2b", path="/api/v3/io/rfq/{quote_id}",
        kind="singleton", parent="b2b_quotes", parent_keys={"quote_id": "quoteId"}, parent_dates={"date": "createdAt"},
        paging="single", page_size=0, primary_key=("quote_id",), scopes=B2B_EDITION,
        spec_file=f"{_FILES}/quote/quote.yaml",
        note="Lines, addresses and messages of a quote. BigCommerce wants the quote's day of creation with it, which its parent tells.",
    ),
    Resource(
        name="b2b_invoices", area="b2b", path="/api/v3/io/ip/invoices", item_path="/api/v3/io/ip/invoices/{invoiceId}",
        paging="offset", page_size=200, scopes=B2B_EDITION,
        stable_sort=_BY_CREATION,
        filters=(
            "searchBy", "q", "customerName", "customerId", "status", "beginDateAt", "endDateAt", "externalId[]", "isIncludeExtraFields",
            "channelIds",
        ),
        spec_file=f"{_FILES}/invoice-management.yaml",
        note="customerId is the company's id, as text; orderNumber the order's. No filter by change date.",
    ),
    Resource(
        name="b2b_invoice_payments", area="b2b", path="/api/v3/io/ip/payments", item_path="/api/v3/io/ip/payments/{paymentId}",
        paging="offset", page_size=200, scopes=B2B_EDITION,
        stable_sort=_BY_CREATION,
        filters=("searchBy", "q", "customerName", "invoiceId", "processingStatus", "channelIds"),
        spec_file=f"{_FILES}/invoice-management.yaml",
        note="What was paid on invoices; b2b_payment_methods lists the ways to pay.",
    ),
    Resource(
        name="b2b_invoice_payment_transactions", area="b2b", path="/api/v3/io/ip/payments/{paymentId}/transactions",
        parent="b2b_invoice_payments", parent_keys={"paymentId": "id"}, paging="single", page_size=0,
        primary_key=("payment_id", "transactionId"), scopes=B2B_EDITION,
        spec_file=f"{_FILES}/invoice-management.yaml",
    ),
    Resource(
        name="b2b_receipts", area="b2b", path="/api/v3/io/ip/receipts", item_path="/api/v3/io/ip/receipts/{receiptId}",
        paging="offset", scopes=B2B_EDITION,
        stable_sort=_BY_CREATION,
        filters=("q", "searchBy", "paymentStatus[]"),
        spec_file=f"{_FILES}/invoice-management.yaml",
    ),
    Resource(
        name="b2b_receipt_lines", area="b2b", path="/api/v3/io/ip/receipt-lines",
        paging="offset", scopes=B2B_EDITION,
        stable_sort=_BY_CREATION,
        filters=("q", "searchBy", "paymentStatus[]"),
        spec_file=f"{_FILES}/invoice-management.yaml",
        note="The lines of all receipts in one list.",
    ),
    Resource(
        name="b2b_payment_methods", area="b2b", path="/api/v3/io/payments",
        paging="single", page_size=0, scopes=B2B_EDITION,
        spec_file=f"{_FILES}/payment/payment.yaml",
    ),
    Resource(
        name="b2b_company_payment_methods", area="b2b", path="/api/v3/io/company-payment-methods",
        paging="offset", page_size=200, primary_key=("companyId", "paymentId"), scopes=B2B_EDITION,
        stable_sort=_BY_CREATION,
        filters=("companyId", "q"),
        spec_file=f"{_FILES}/payment/payment.yaml",
        note="Those that are switched on, of all companies.",
    ),
    Resource(
        name="b2b_company_credit", area="b2b", path="/api/v3/io/companies/{companyId}/credit",
        kind="singleton", parent="b2b_companies", parent_keys={"companyId": "companyId"}, no_rows_status=(400,),
        paging="single", page_size=0, primary_key=("company_id",), scopes=B2B_EDITION,
        spec_file=f"{_FILES}/payment/payment.yaml",
        note="BigCommerce answers 400 where the store has company credit switched off; then there are no rows.",
    ),
    Resource(
        name="b2b_company_payment_terms", area="b2b", path="/api/v3/io/companies/{companyId}/payment-terms",
        kind="singleton", parent="b2b_companies", parent_keys={"companyId": "companyId"},
        paging="single", page_size=0, primary_key=("company_id",), scopes=B2B_EDITION,
        spec_file=f"{_FILES}/payment/payment.yaml",
    ),
    Resource(
        name="b2b_company_attachments", area="b2b", path="/api/v3/io/companies/{companyId}/attachments",
        parent="b2b_companies", parent_keys={"companyId": "companyId"}, paging="single", page_size=0, scopes=B2B_EDITION,
        spec_file=f"{_FILES}/company/company.yaml",
        note="The file shows one attachment where a list is meant.",
    ),
    Resource(
        name="b2b_company_hierarchy", area="b2b", path="/api/v3/io/companies/{companyId}/hierarchy",
        parent="b2b_companies", parent_keys={"companyId": "companyId"}, paging="offset", page_size=200,
        primary_key=("company_id", "companyId"), scopes=B2B_EDITION,
        spec_file=f"{_FILES}/company/company.yaml",
        note="The whole tree that a company is part of, once a company; BigCommerce grants it 15 requests a minute.",
    ),
    Resource(
        name="b2b_company_roles", area="b2b", path="/api/v3/io/companies/roles", item_path="/api/v3/io/companies/roles/{roleId}",
        paging="offset", page_size=200, scopes=B2B_EDITION,
        filters=("q",),
        spec_file=f"{_FILES}/company/company.yaml",
    ),
    Resource(
        name="b2b_company_permissions", area="b2b", path="/api/v3/io/companies/permissions",
        paging="single", page_size=0, scopes=B2B_EDITION,
        filters=("q",),
        spec_file=f"{_FILES}/company/company.yaml",
    ),
    Resource(
        name="b2b_sales_staff", area="b2b", path="/api/v3/io/sales-staffs", item_path="/api/v3/io/sales-staffs/{salesStaffId}",
        paging="offset", page_size=200, scopes=B2B_EDITION,
        filters=("sortBy", "orderBy", "companyId", "minModified"),
        spec_file=f"{_FILES}/sales_staff/sales_staff.yaml",
        note="minModified has no counterpart and rows show no date, so they are compared.",
    ),
    Resource(
        name="b2b_super_admins", area="b2b", path="/api/v3/io/companies/super-admins",
        item_path="/api/v3/io/super-admins/info/{superAdminId}",
        paging="offset", page_size=200, scopes=B2B_EDITION,
        modified=B2B_MODIFIED, created=B2B_CREATED,
        filters=("orderBy", "q", "uuid", "isIncludeExtraFields"),
        webhook_scopes=(
            "store/superadmin/created", "store/superadmin/updated", "store/superadmin/deleted", "store/superadmin/assignmentUpdated",
        ),
        spec_file=f"{_FILES}/super_admin/super_admin.yaml",
    ),
    Resource(
        name="b2b_super_admin_companies", area="b2b", path="/api/v3/io/super-admins/{superAdminId}/companies",
        parent="b2b_super_admins", parent_keys={"superAdminId": "id"}, paging="offset", page_size=200,
        primary_key=("super_admin_id", "companyId"), scopes=B2B_EDITION,
        webhook_scopes=("store/superadmin/assignmentUpdated",),
        spec_file=f"{_FILES}/super_admin/super_admin.yaml",
    ),
    Resource(
        name="b2b_channels", area="b2b", path="/api/v3/io/channels",
        paging="single", page_size=0, scopes=B2B_EDITION, no_rows_title="Multi storefront is not enabled",
        spec_file=f"{_FILES}/channel/channel.yaml",
        note="403 for a store with one storefront: no rows.",
    ),
    Resource(
        name="b2b_shopping_lists", area="b2b", path="/api/v3/io/shopping-list", item_path="/api/v3/io/shopping-list/{shoppingListId}",
        parent="b2b_users", parent_keys={"userId": "id"}, single_params=("userId",), no_rows_status=(422,),
        paging="offset", page_size=249, scopes=B2B_EDITION,
        required_params=("userId",),
        filters=("channelId", "createdUserId"),
        spec_file=f"{_FILES}/shopping_list/shopping_list.yaml",
        note=(
            "Those that a buyer may see, asked buyer by buyer; one that several see is kept once. BigCommerce takes a customerId in "
            "userId's place. 422 for a buyer without a company: no rows."
        ),
    ),
    Resource(
        name="b2b_company_extra_fields", area="b2b", path="/api/v3/io/companies/extra-fields",
        paging="offset", page_size=200, scopes=B2B_EDITION,
        spec_file=f"{_FILES}/company/company.yaml",
        note="What the extra fields of companies are; their values are in b2b_companies.",
    ),
)
