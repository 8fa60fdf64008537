"""Seeded catalog: products, variants, brands, categories and trees, and what hangs on a product.

Shapes come from BigCommerce's catalog specs; sizes follow a store of a few hundred categories at most.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from airflow_provider_bigcommerce.sandbox.answers import encode
from airflow_provider_bigcommerce.sandbox.dates import SEED_SECONDS, SEED_START, iso
from airflow_provider_bigcommerce.sandbox.dice import Dice
from airflow_provider_bigcommerce.sandbox.table import Calendar, Row, SeededIds
from airflow_provider_bigcommerce.sandbox.vocabulary import ADJECTIVES, BRANDS, CATEGORIES, NOUNS, TEXTS

VARIANTS = (1, 1, 3, 1, 1, 6, 1, 2, 1, 1)  # variants of ten products in a row
_BEFORE = (0, *accumulate(VARIANTS))
MOST_VARIANTS = 600  # BigCommerce's limit for one product; the last product of a store of ten or more has them all
CDN = "https://cdn11.bigcommerce.com/s-sandbox"

# what all seeded products have in common; kept apart, because it is written only once
_SAME: Row = {
    "map_price": 0,
    "tax_class_id": 0,
    "product_tax_code": "",
    "option_set_display": "right",
    "inventory_warning_level": 5,
    "fixed_cost_shipping_price": 0,
    "related_products": [-1],
    "layout_file": "product.html",
    "upc": "",
    "gtin": "",
    "availability_description": "Usually ships within 24 hours",
    "gift_wrapping_options_type": "any",
    "gift_wrapping_options_list": [],
    "condition": "New",
    "is_condition_shown": False,
    "order_quantity_minimum": 0,
    "order_quantity_maximum": 0,
    "meta_keywords": ["home", "gift"],
    "preorder_message": "",
    "is_preorder_only": False,
    "is_price_hidden": False,
    "price_hidden_label": "",
    "open_graph_type": "product",
    "open_graph_title": "",
    "open_graph_description": "",
    "open_graph_use_meta_description": True,
    "open_graph_use_product_name": True,
    "open_graph_use_image": True,
}
_SAME_JSON = b"," + encode(_SAME)[1:]


class CatalogData:
    """Makes catalog rows.

    :param seed: the store's seed.
    :param products: number of seeded products.
    """

    def __init__(self, seed: int, products: int) -> None:
        self.dice = Dice(seed, "products")
        self.products = SeededIds(101, products)
        self.calendar = Calendar(SEED_START, SEED_SECONDS, products)
        self.brands = SeededIds(31, min(100, max(3, products // 10)), gaps=False)
        self.categories = SeededIds(21, min(200, max(6, products // 20)), gaps=False)
        self.trees = SeededIds(1, 2, gaps=False)
        self._largest = products - 1 if products >= len(VARIANTS) else None
        self.variants = SeededIds(
            1, self._first_variant(products) if self._largest is None else self._first_variant(products - 1) + MOST_VARIANTS, gaps=False
        )

    # -- products ---------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _first_variant(position: int) -> int:
        return position // len(VARIANTS) * _BEFORE[-1] + _BEFORE[position % len(VARIANTS)]

    def variants_of(self, product_id: int) -> range:
        """List the ids of a seeded product's variants; none for a product that was added later."""
        position = self.products.position(product_id)
        if position is None:
            return range(0)
        first = self._first_variant(position) + 1
        return range(first, first + (MOST_VARIANTS if position == self._largest else VARIANTS[position % len(VARIANTS)]))

    def product_of(self, variant_id: int) -> int:
        """Tell the seeded product a seeded variant belongs to."""
        index = variant_id - 1
        if self._largest is not None and index >= self._first_variant(self._largest):
            return self.products[self._largest]
        block, rest = divmod(index, _BEFORE[-1])
        return self.products[block * len(VARIANTS) + bisect_right(_BEFORE, rest) - 1]

    def price(self, product_id: int) -> int:
        """Tell a seeded product's price in cents."""
        return 495 + (self.dice.roll(product_id) >> 33) % 40_000

    def name(self, product_id: int) -> str:
        """Tell a seeded product's name; unique, as BigCommerce requires."""
        roll = self.dice.roll(product_id)
        return f"{ADJECTIVES[(roll >> 4) % len(ADJECTIVES)]} {NOUNS[(roll >> 12) % len(NOUNS)]} {product_id}"

    def sku(self, product_id: int) -> str:
        """Tell a seeded product's SKU."""
        return f"SKU-{product_id:07d}"

    def modified(self, product_id: int) -> int:
        """Tell when a product was modified, in epoch seconds."""
        position = self.products.position(product_id)
        return SEED_START if position is None else self.calendar.at(position)

    def product(self, product_id: int) -> Row:
        """Make one product without its sub-resources."""
        return {**self._own(product_id), **_SAME}

    def product_json(self, product_id: int) -> bytes:
        """Make one product as JSON, in a third less time than by way of the whole row."""
        return encode(self._own(product_id))[:-1] + _SAME_JSON

    def _own(self, product_id: int) -> Row:
        roll = self.dice.roll(product_id)
        cents = self.price(product_id)
        price = cents / 100
        sale = round(price * 0.8, 2) if roll & 7 == 0 else 0
        name = self.name(product_id)
        text = TEXTS[roll % len(TEXTS)]
        modified = self.modified(product_id)
        first_variant = self.variants_of(product_id)
        several = len(first_variant) > 1
        stock = roll >> 8 & 255
        return {
            "id": product_id,
            "name": name,
            "type": "digital" if roll & 31 == 5 else "physical",
            "sku": self.sku(product_id),
            "description": f"<p><span>{name}. {text}</span></p>\n<p>{TEXTS[(roll >> 5) % len(TEXTS)][:400]}</p>",
            "weight": (roll >> 16 & 63) / 4 + 0.25,
            "width": float(roll >> 22 & 31),
            "depth": float(roll >> 27 & 31),
            "height": (roll >> 32 & 31) + 0.5,
            "price": price,
            "cost_price": round(price * 0.55, 2),
            "retail_price": round(price * 1.1, 2) if roll & 3 == 1 else 0,
            "sale_price": sale,
            "calculated_price": sale or price,
            "categories": self.categories_of(product_id),
            "brand_id": self.brands.first + roll % self.brands.size if roll & 15 else 0,
            "option_set_id": product_id * 10 if several else None,
            "inventory_level": stock,
            "inventory_tracking": "variant" if several else ("product" if roll & 1 else "none"),
            "reviews_rating_sum": (roll >> 40 & 3) * 4,
            "reviews_count": roll >> 40 & 3,
            "total_sold": roll >> 42 & 127,
            "is_free_shipping": roll & 63 == 9,
            "is_visible": roll & 15 != 3,
            "is_featured": roll & 31 == 7,
            "warranty": "" if roll & 3 else "Two years, parts and labour.",
            "bin_picking_number": f"BIN-{roll & 1023}",
            "mpn": f"MPN{product_id}",
            "date_last_imported": "" if roll & 1 else iso(modified - 86_400),
            "search_keywords": f"{name.lower()}, home, gift",
            "availability": "preorder" if roll & 63 == 11 else "available",
            "sort_order": roll >> 50 & 7,
            "page_title": name,
            "meta_description": text[:160],
            "date_created": iso(modified - 86_400 * (1 + (roll >> 44 & 255))),
            "date_modified": iso(modified),
            "view_count": roll >> 30 & 4095,
            "preorder_release_date": iso(modified + 30 * 86_400) if roll & 63 == 11 else None,
            "custom_url": {"url": f"/sku-{product_id}/", "is_customized": False},
            "base_variant_id": None if several else (first_variant[0] if first_variant else None),
        }

    def categories_of(self, product_id: int) -> list[int]:
        """Tell the categories a product is in: one or two."""
        roll, count = self.dice.roll(product_id, 4), self.categories.size
        first, second = self.categories.first + roll % count, self.categories.first + (roll >> 32) % count
        return [first] if first == second else [first, second]

    # -- what hangs on a product ------------------------------------------------------------------------------------------------

    def options(self, product_id: int) -> list[Row]:
        """Make a product's options: those its variants are made of."""
        count = len(self.variants_of(product_id))
        if count < 2:
            return []
        shape = [("Size", 10), ("Colour", 10), ("Länge", 6)] if count == MOST_VARIANTS else [("Size", count)]
        return [
            {
                "id": product_id * 10 + 1 + place,
                "product_id": product_id,
                "name": f"{name}-{product_id}",
                "display_name": name,
                "type": "rectangles",
                "config": {},
                "sort_order": place,
                "option_values": [
                    {
                        "id": (product_id * 10 + 1 + place) * 100 + k,
                        "label": f"{name} {k + 1}",
                        "sort_order": k,
                        "value_data": None,
                        "is_default": k == 0,
                    }
                    for k in range(size)
                ],
            }
            for place, (name, size) in enumerate(shape)
        ]

    def variant(self, variant_id: int) -> Row:
        """Make one variant."""
        product_id = self.product_of(variant_id)
        siblings = self.variants_of(product_id)
        place = variant_id - siblings[0]
        roll = self.dice.roll(variant_id, 40)
        single = len(siblings) == 1
        own = None if single or roll & 1 else (self.price(product_id) + 100 * place) / 100
        values = []
        rest = place
        for option in [] if single else self.options(product_id):
            rest, k = divmod(rest, len(option["option_values"]))
            value = option["option_values"][k]
            values.append(
                {"id": value["id"], "label": value["label"], "option_id": option["id"], "option_display_name": option["display_name"]}
            )
        return {
            "id": variant_id,
            "product_id": product_id,
            "sku": self.sku(product_id) if single else f"{self.sku(product_id)}-{place + 1}",
            "sku_id": None if single else variant_id + 5000,
            "price": own,
            "calculated_price": own if own is not None else self.price(product_id) / 100,
            "sale_price": None,
            "retail_price": None,
            "map_price": None,
            "weight": None if roll & 2 else 1.25,
            "width": None,
            "height": None,
            "depth": None,
            "is_free_shipping": False,
            "fixed_cost_shipping_price": None,
            "calculated_weight": 1.25,
            "purchasing_disabled": roll & 63 == 1,
            "purchasing_disabled_message": "",
            "image_url": "" if roll & 4 else f"{CDN}/products/{product_id}/{variant_id}.jpg",
            "cost_price": None if roll & 8 else round(self.price(product_id) / 180, 2),
            "upc": "",
            "mpn": "",
            "gtin": "",
            "inventory_level": roll >> 8 & 127,
            "inventory_warning_level": 2,
            "bin_picking_number": "",
            "option_values": values,
        }

    def images(self, product_id: int) -> list[Row]:
        """Make a product's images; some have none."""
        modified = iso(self.modified(product_id))
        return [
            {
                "id": product_id * 10 + k,
                "product_id": product_id,
                "is_thumbnail": k == 0,
                "sort_order": k,
                "description": "" if k else "Front view",
                "image_file": f"{product_id}/{k}.jpg",
                "url_zoom": f"{CDN}/products/{product_id}/images/{k}.zoom.jpg",
                "url_standard": f"{CDN}/products/{product_id}/images/{k}.standard.jpg",
                "url_thumbnail": f"{CDN}/products/{product_id}/images/{k}.thumb.jpg",
                "url_tiny": f"{CDN}/products/{product_id}/images/{k}.tiny.jpg",
                "date_modified": modified,
            }
            for k in range(self.dice.below(4, product_id, 10))
        ]

    def videos(self, product_id: int) -> list[Row]:
        """Make a product's videos."""
        return [
            {
                "id": product_id * 10 + k,
                "product_id": product_id,
                "title": f"How it is made, part {k + 1}",
                "description": "",
                "sort_order": k,
                "type": "youtube",
                "video_id": f"z3fRu9pk{k}{product_id % 100:02d}",
                "length": "02:31",
            }
            for k in range(1 if self.dice.below(8, product_id, 11) == 0 else 0)
        ]

    def custom_fields(self, product_id: int) -> list[Row]:
        """Make a product's custom fields."""
        return [
            {
                "id": product_id * 10 + k,
                "name": ("ISBN", "Material", "Pflege-Hinweis")[k],
                "value": ("1234567890123", "Oak", "kühl & trocken")[k],
            }
            for k in range(self.dice.below(4, product_id, 12))
        ]

    def bulk_pricing_rules(self, product_id: int) -> list[Row]:
        """Make a product's bulk pricing rules."""
        return [
            {
                "id": product_id * 10 + k,
                "quantity_min": 10 * (k + 1),
                "quantity_max": 10 * (k + 2) - 1,
                "type": "percent",
                "amount": 5 * (k + 1),
            }
            for k in range(2 if self.dice.below(10, product_id, 13) == 0 else 0)
        ]

    def modifiers(self, product_id: int) -> list[Row]:
        """Make a product's modifiers: a free text, and sometimes a choice."""
        if self.dice.below(5, product_id, 14):
            return []
        text = {
            "id": product_id * 10 + 7,
            "product_id": product_id,
            "name": f"Engraving-{product_id}",
            "display_name": "Engraving",
            "type": "text",
            "required": False,
            "sort_order": 0,
            "config": {"default_value": "", "text_characters_limited": True, "text_min_length": 1, "text_max_length": 40},
            "option_values": [],
        }
        choice_id = product_id * 10 + 8
        choice = {
            "id": choice_id,
            "product_id": product_id,
            "name": f"Wrap-{product_id}",
            "display_name": "Wrapping",
            "type": "dropdown",
            "required": True,
            "sort_order": 1,
            "config": {},
            "option_values": [
                {
                    "id": choice_id * 100 + k,
                    "option_id": choice_id,
                    "label": label,
                    "sort_order": k,
                    "value_data": None,
                    "is_default": k == 0,
                    "adjusters": {
                        "price": {"adjuster": "relative", "adjuster_value": 2.5 * k},
                        "weight": {"adjuster": "relative", "adjuster_value": 0},
                        "image_url": "",
                        "purchasing_disabled": {"status": False, "message": ""},
                    },
                }
                for k, label in enumerate(("None", "Gift paper", "Box 🎁"))
            ],
        }
        return [text, choice] if self.dice.below(2, product_id, 15) else [text]

    def reviews(self, product_id: int) -> list[Row]:
        """Make a product's reviews."""
        modified = self.modified(product_id)
        return [
            {
                "id": product_id * 10 + k,
                "product_id": product_id,
                "title": "Très bien" if k else "As described",
                "text": "Arrived early; the colour is true.",
                "status": "approved",
                "rating": 4,
                "email": f"reviewer{k}@example.com",
                "name": "Zoë",
                "date_reviewed": iso(modified - 3600),
                "date_created": iso(modified - 3600),
                "date_modified": iso(modified - 3600),
            }
            for k in range(self.dice.roll(product_id) >> 40 & 3)
        ]

    def channels_of(self, product_id: int) -> list[int]:
        """Tell the channels a product is assigned to."""
        return [1, 2] if self.dice.below(3, product_id, 16) == 0 else [1]

    # -- brands, trees, categories ----------------------------------------------------------------------------------------------

    def brand(self, brand_id: int) -> Row:
        """Make one brand."""
        place = brand_id - self.brands.first
        name = BRANDS[place % len(BRANDS)] + (f" {place // len(BRANDS) + 1}" if place >= len(BRANDS) else "")
        return {
            "id": brand_id,
            "name": name,
            "page_title": name,
            "meta_keywords": ["modern", "clean"],
            "meta_description": f"{name} is a modern brand.",
            "image_url": "" if place % 3 else f"{CDN}/brands/{brand_id}.png",
            "search_keywords": "kitchen, laundry",
            "custom_url": {"url": f"/brand-{brand_id}/", "is_customized": False},
        }

    def tree(self, tree_id: int) -> Row:
        """Make one category tree."""
        return {"id": tree_id, "name": ("Default catalog tree", "Katalog für B2B")[(tree_id - 1) % 2], "channels": [tree_id]}

    def category(self, category_id: int) -> Row:
        """Make one category as `/catalog/trees/categories` shows it."""
        place = category_id - self.categories.first
        name = CATEGORIES[place % len(CATEGORIES)] + (f" {place // len(CATEGORIES) + 1}" if place >= len(CATEGORIES) else "")
        in_first_tree = place % 5 != 4
        return {
            "category_id": category_id,
            "category_uuid": self.dice.uuid(category_id, 20),
            "parent_id": self.categories.first + place // 10 if place >= 10 and in_first_tree else 0,
            "tree_id": 1 if in_first_tree else 2,
            "name": name,
            "description": f"<p>{TEXTS[place % len(TEXTS)][:300]}</p>",
            "views": self.dice.below(5000, category_id, 21),
            "sort_order": place,
            "page_title": name,
            "meta_keywords": ["home"],
            "meta_description": "",
            "search_keywords": "",
            "layout_file": "category.html",
            "image_url": "" if place % 2 else f"{CDN}/categories/{category_id}.jpg",
            "is_visible": place % 7 != 6,
            "default_product_sort": "use_store_settings",
            "url": {"path": f"/category-{category_id}/", "is_customized": False},
        }
