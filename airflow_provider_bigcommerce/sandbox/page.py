"""The sandbox's page for a person: buttons that change the store, so that an incremental run has something to find.

Plain HTML that asks `POST /sandbox/changes`, which wants a token of the store; the page itself knows none. The address that the program
prints has the token behind `#`, which a browser does not send.
"""

from __future__ import annotations

from aiohttp import web

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sandbox store</title>
<meta name="viewport" content="width=device-width">
<style>
 body {font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem}
 form {margin: .6rem 0} input {width: 7rem} input.wide {width: 16rem} pre {background: #f3f3f3; padding: 1rem; white-space: pre-wrap}
</style>
<h1>Sandbox store</h1>
<p>Change the store by hand, then run your DAG again: an incremental run copies only what you changed.</p>
<form><label>Access token <input class="wide" id="token" type="password" autocomplete="off"></label></form>
<form data-change='orders'><input name="n" type="number" min="1" max="1000" value="1" aria-label="how many">
 <button>Add orders</button></form>
<form data-change='product'>Product <input name="id" type="number" min="1" required aria-label="product id"> name
 <input class="wide" name="name" required aria-label="new name"> <button>Edit product</button></form>
<form data-change='status'>Order <input name="id" type="number" min="1" required aria-label="order id"> status
 <input name="status" type="number" min="0" max="14" value="2" aria-label="status id"> <button>Set status</button></form>
<form data-change='delete'>Product <input name="id" type="number" min="1" required aria-label="id of the product to delete">
 <button>Delete product</button></form>
<form data-change='state'><button>Show counts</button></form>
<pre id="said" role="status">Nothing was changed yet.</pre>
<script>
"use strict";
const token = document.getElementById("token"), said = document.getElementById("said");
token.value = decodeURIComponent(location.hash.slice(1));
const changes = {
  orders: form => ({orders: Number(form.n.value)}),
  product: form => ({edit_products: [{id: Number(form.id.value), name: form.name.value}]}),
  status: form => ({set_status: [[Number(form.id.value), Number(form.status.value)]]}),
  delete: form => ({delete: {products: [Number(form.id.value)]}}),
};
for (const form of document.forms) form.addEventListener("submit", async event => {
  event.preventDefault();
  const kind = form.dataset.change;
  if (!kind) return;
  const options = {headers: {"X-Auth-Token": token.value}};
  if (kind !== "state") Object.assign(options, {method: "POST", body: JSON.stringify(changes[kind](form.elements))});
  try {
    const answer = await fetch(kind === "state" ? "/sandbox/state" : "/sandbox/changes", options);
    const text = await answer.text();
    said.textContent = answer.ok ? JSON.stringify(JSON.parse(text), null, 1) : `${answer.status}: ${text}`;
  } catch (error) { said.textContent = `No answer: ${error.message}`; }
});
</script>
</html>
"""


async def page(request: web.Request) -> web.Response:  # noqa: ARG001  # aiohttp's signature
    """The page; nothing of it is the store's."""
    headers = {
        "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    }
    return web.Response(text=PAGE, content_type="text/html", headers={**headers, "Cache-Control": "no-store"})
