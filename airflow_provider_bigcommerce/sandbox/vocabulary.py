"""Words the seeded rows are made of: several scripts, quotes, emoji, and names that break naive code."""

from __future__ import annotations

ADJECTIVES = (
    "Linen",
    "Oak",
    "Copper",
    "Déjà-vu",
    "Smooth",
    "Rustic",
    "Größe XL",
    "Nordic",
    "Hand-made",
    "Vintage",
    "Modern",
    "Sleek",
    "Éclair",
    "Handy",
    "Gorgeous",
    "Unbranded",
)
NOUNS = (
    "Towel",
    "Chair",
    "Lantern",
    "Teapot 🫖",
    "Notebook",
    "Backpack",
    "Müsli bowl",
    "Kettle",
    "Łódź lamp",
    "Cushion",
    "Apron",
    "日本茶 set",
    "Candle",
    "Basket",
    "Blanket",
    'Frame 12"',
    "Mug",
    "Poster",
)
BRANDS = ("Common Good", "Sagaform", "Ofs", "Crème & Co", "Ørsted Living", "茶屋", "Żubr", "O'Neill Home", "Thomas Kent", "Faber")
CATEGORIES = ("Shop All", "Bath", "Garden", "Kitchen", "Publications", "Utility", "Café", "Kids' Room", "Büro", "Outdoor")
FIRST_NAMES = (
    "Jane",
    "Zoë",
    "José",
    "Nguyễn",
    "Oluwaseun",
    "Märta",
    "太郎",
    "Siobhán",
    "Null",
    "Anna",
    "Łukasz",
    "Ивaн",
    "Noor",
    "Robert')",
    "Mei",
    "Ada",
)
LAST_NAMES = (
    "Doe",
    "Müller",
    "García",
    "O'Brien",
    "Nakamura",
    "van der Berg",
    "Smith",
    "Šimić",
    "Okafor",
    "Lee",
    "Null",
    "D'Angelo",
    "Kowalska",
)
COMPANIES = ("", "", "", "Laser Ltd", "Ünïcode GmbH", "Acme, Inc.", "Søn & Co")
# street, city, state, code, country, its two letters, telephone
PLACES = (
    ("123 Main Street", "Austin", "Texas", "78751", "United States", "US", "+1 512 555 0100"),
    ("9 Rue de l'Église", "Montréal", "Quebec", "H2X 1Y4", "Canada", "CA", "+1 514 555 0101"),
    ("Straße des 17. Juni 1", "Berlin", "Berlin", "10623", "Germany", "DE", "+49 30 555 0102"),
    ("1 Chome-1-2 Oshiage", "墨田区", "Tokyo", "131-0045", "Japan", "JP", "+81 3 5550 0103"),
    ("5 High St", "Leeds", "West Yorkshire", "LS1 1AA", "United Kingdom", "GB", "+44 113 555 0104"),
    ("77 George St", "Sydney", "New South Wales", "2000", "Australia", "AU", "+61 2 5550 0105"),
)
SENTENCES = (
    "Made by hand in small batches, and packed the same day.",
    "The weave lets air through, dries fast and keeps its shape after many washes.",
    "Café-tested: it survives a dishwasher, a drop and a curious cat.",
    "Größe und Farbe können abweichen; bitte das Etikett beachten.",
    "Each piece is numbered, because no two are alike.",
    "Wipe with a damp cloth; do not bleach; tumble dry on low.",
    "品質保証付き。贈り物にも最適です。",
    "Ships flat, assembles without tools in under five minutes.",
    "The finish is water-based, free of solvents & safe for children's rooms.",
    "Spare parts are kept in stock for ten years.",
)
TEXTS = tuple(" ".join(SENTENCES[(k * 3 + j * (k % 4 + 1)) % len(SENTENCES)] for j in range(14)) for k in range(24))
